package actions

import (
	"bytes"
	"fmt"

	"helm.sh/helm/v4/pkg/postrenderer"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/plugin"
)

// postRenderer is a Python callable, a plugin by its name, or nil.
func (t *task) postRenderer(options RenderOptions) (postrenderer.PostRenderer, error) {
	switch {
	case options.PostRendererCallable:
		return callable{t.op}, nil
	case options.PostRenderer != "":
		renderer, err := t.pluginRenderer(options.PostRenderer, options.PostRendererArgs)
		if err != nil {
			return nil, &bridge.Error{Code: codePostRender, Message: fmt.Sprintf("post_renderer %q: %v", options.PostRenderer, err), Cause: err}
		}
		return renderer, nil
	}
	return nil, nil
}

// callable asks the caller's own function.
type callable struct{ op *bridge.Operation }

// Run hands the manifest over and waits for the answer.
func (c callable) Run(manifests *bytes.Buffer) (*bytes.Buffer, error) {
	answer, err := c.op.Call(c.op.Context(), "post_render", manifests.String())
	if err != nil {
		return nil, err
	}
	return bytes.NewBufferString(answer), nil
}

// pluginRenderer finds the plugin (helm: pkg/postrenderer/postrenderer.go, NewPostRendererPlugin).
func (t *task) pluginRenderer(name string, arguments []string) (postrenderer.PostRenderer, error) {
	settings := t.config.Settings()
	installed, err := t.plugins()
	if err != nil {
		return nil, err
	}
	for _, one := range installed {
		switch {
		case one.Name != name || one.Type != plugin.TypePostRenderer:
		case one.Runtime == plugin.RuntimeWasm:
			// It can print nothing, and sees no environment: Helm's own runs it, until its own time limit.
			return postrenderer.NewPostRendererPlugin(settings, name, arguments...)
		default:
			return program{t, one, arguments}, nil
		}
	}
	return nil, fmt.Errorf("there is no plugin of type %s and that name in %s", plugin.TypePostRenderer, settings.PluginsDirectory)
}

// program asks a plugin's program, which ends with the operation.
type program struct {
	task      *task
	plugin    *plugin.Plugin
	arguments []string
}

// Run implements postrenderer.PostRenderer. As from helm, the program sees the environment alone, and no HELM_* variable
// that is not in it.
func (p program) Run(manifests *bytes.Buffer) (rendered *bytes.Buffer, err error) {
	defer bridge.Recover("post-rendering", &err)
	config := p.task.config
	output, err := p.plugin.PostRender(
		p.task.op.Context(), p.task.log, config.Options().Environment, config.FindProgram, p.arguments, manifests.Bytes())
	if err != nil {
		return nil, fmt.Errorf("failed to invoke post-renderer plugin %q: %w", p.plugin.Name, err)
	}
	if len(bytes.TrimSpace(output)) == 0 {
		return nil, fmt.Errorf("post-renderer %q produced empty output", p.plugin.Name)
	}
	return bytes.NewBuffer(output), nil
}
