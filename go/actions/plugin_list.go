package actions

import (
	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// PluginListRequest are the arguments of `helm plugin list`.
type PluginListRequest struct {
	Type string `json:"type"`
}

// PluginList tells the plugins that are installed. No program runs for it.
func PluginList(op *bridge.Operation, config *session.Configuration, request PluginListRequest) ([]InstalledPlugin, error) {
	t := begin(op, config, "plugin list")
	all, err := t.plugins()
	if err != nil {
		return nil, err
	}
	found := []InstalledPlugin{}
	for _, one := range all {
		if request.Type == "" || one.Type == request.Type {
			found = append(found, t.installed(one))
		}
	}
	return found, nil
}
