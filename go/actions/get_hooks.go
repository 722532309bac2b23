package actions

import (
	"fmt"
	"strings"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// GetHooks does what `helm get hooks` does: the manifests of a revision's hooks, each after the template's path, in the
// form that the command prints (helm: pkg/cmd/get_hooks.go), without the line break at the end.
func GetHooks(op *bridge.Operation, config *session.Configuration, request RevisionRequest) (string, error) {
	s, err := enter(op, config, "get hooks", request.ReleaseName, false)
	if err != nil {
		return "", err
	}
	rel, err := s.readOutline(request.Revision)
	if err != nil {
		return "", s.explain(err)
	}
	manifests := make([]string, 0, len(rel.Hooks))
	for _, hook := range rel.Hooks {
		manifests = append(manifests, fmt.Sprintf("---\n# Source: %s\n%s", hook.Path, hook.Manifest))
	}
	return strings.Join(manifests, "\n"), nil
}
