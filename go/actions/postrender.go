package actions

import (
	"bytes"
	"fmt"

	"helm.sh/helm/v4/pkg/postrenderer"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// postRenderer is a Python callable, a plugin by its name, or nil.
func (t *task) postRenderer(options RenderOptions) (postrenderer.PostRenderer, error) {
	switch {
	case options.PostRendererCallable:
		return callable{t.op}, nil
	case options.PostRenderer != "":
		renderer, err := postrenderer.NewPostRendererPlugin(t.config.Settings(), options.PostRenderer, options.PostRendererArgs...)
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
