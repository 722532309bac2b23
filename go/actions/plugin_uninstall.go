package actions

import (
	"os"
	"path/filepath"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/plugin"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// PluginUninstallRequest are the arguments of `helm plugin uninstall`.
type PluginUninstallRequest struct {
	pluginNames
}

// PluginUninstall removes plugins and runs their delete hooks. Helm goes on with the others where one fails.
func PluginUninstall(op *bridge.Operation, config *session.Configuration, request PluginUninstallRequest) ([]InstalledPlugin, error) {
	t := begin(op, config, "plugin uninstall")
	found, err := t.named(request.Names)
	if err != nil {
		return nil, err
	}
	t.phase("uninstalling")
	_, err = t.helm(append([]string{"uninstall", "--"}, request.Names...)...)
	if op.Cancelled() && err != nil {
		defer op.Hold()()
		finishRemoval(found)
	}
	return found, doneBefore(err, "uninstalled", "Uninstalled plugin: ")
}

// finishRemoval removes the rest of a plugin whose removal had begun when the cancel came.
func finishRemoval(all []InstalledPlugin) {
	for _, one := range all {
		if _, err := os.Stat(filepath.Join(one.Path, plugin.FileName)); os.IsNotExist(err) {
			_ = os.RemoveAll(one.Path)
		}
	}
}
