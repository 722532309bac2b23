package actions

import (
	"slices"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// PluginUpdateRequest are the arguments of `helm plugin update`.
type PluginUpdateRequest struct {
	pluginNames
}

// UpdatedPlugin is a plugin as it is after an update.
type UpdatedPlugin struct {
	InstalledPlugin
	PreviousVersion string `json:"previous_version"`
}

// PluginUpdate updates plugins that came out of a version control system, and runs their update hooks.
func PluginUpdate(op *bridge.Operation, config *session.Configuration, request PluginUpdateRequest) ([]UpdatedPlugin, error) {
	t := begin(op, config, "plugin update")
	before, err := t.named(request.Names)
	if err != nil {
		return nil, err
	}
	t.phase("updating")
	if _, err := t.helm(append([]string{"update", "--"}, request.Names...)...); err != nil {
		return nil, doneBefore(err, "updated", "Updated plugin: ")
	}
	found, err := t.named(request.Names)
	if err != nil {
		return nil, err
	}
	updated := []UpdatedPlugin{}
	for _, one := range found {
		number := slices.IndexFunc(before, func(old InstalledPlugin) bool { return old.Name == one.Name })
		updated = append(updated, UpdatedPlugin{one, before[number].Version})
	}
	return updated, nil
}
