package actions

import (
	"strings"

	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// validName refuses a release name as Helm does, with the rule in the message.
func validName(name string) error {
	if err := chartutil.ValidateReleaseName(name); err != nil {
		return &bridge.Error{
			Code:    codeInvalidReleaseName,
			Message: "release_name " + quoted(name) + " is invalid: " + err.Error(),
			Details: map[string]any{"field": "release_name", "release": name},
		}
	}
	return nil
}

func labelProblems(name, value string) []string {
	problems := validation.IsQualifiedName(name)
	return append(problems, validation.IsValidLabelValue(value)...)
}

func quoted(text string) string {
	return "\"" + strings.ReplaceAll(text, "\"", "\\\"") + "\""
}
