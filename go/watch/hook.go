package watch

import (
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/kube"
	release "helm.sh/helm/v4/pkg/release/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/cli-runtime/pkg/resource"
)

const releaseAnnotation = "meta.helm.sh/release-name"

func annotationsOf(info *resource.Info) map[string]string {
	found, err := meta.Accessor(info.Object)
	if err != nil {
		return nil
	}
	return found.GetAnnotations()
}

func isHook(info *resource.Info) bool { return annotationsOf(info)[release.HookAnnotation] != "" }

// enterCreate tells what a Create is for. Only here can it be known: Helm runs hooks and applies the chart in one go.
func (c *Client) enterCreate(resources kube.ResourceList) {
	if len(resources) == 0 {
		return
	}
	first := resources[0]
	switch {
	case isHook(first):
		phase := c.hookPhase(first)
		c.Phase(phase)
		for _, info := range resources {
			c.hookEvent(info, phase, hookStarted, "")
		}
	case annotationsOf(first)[releaseAnnotation] != "":
		c.touch(phaseApply)
	case first.Mapping.GroupVersionKind.GroupKind() == definitions:
		c.Phase(phaseCRDs)
	}
}

// touch enters a phase in which the chart's own objects change.
func (c *Client) touch(phase string) {
	c.mu.Lock()
	c.touched = true
	c.mu.Unlock()
	c.Phase(phase)
}

// hookPhase is the event that a hook runs for. A hook may name several: one of this action, and of those, pre before
// the chart was applied and post after.
func (c *Client) hookPhase(info *resource.Info) string {
	var fitting []string
	events := strings.Split(annotationsOf(info)[release.HookAnnotation], ",")
	for i, event := range events {
		events[i] = strings.ToLower(strings.TrimSpace(event))
		if c.options.Action == "" || strings.HasSuffix(events[i], c.options.Action) {
			fitting = append(fitting, events[i])
		}
	}
	if len(fitting) == 0 { // a rollback after a failed upgrade
		fitting = events
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	want := "pre-"
	if c.touched {
		want = "post-"
	}
	if i := slices.IndexFunc(fitting, func(event string) bool { return strings.HasPrefix(event, want) }); i >= 0 {
		return fitting[i]
	}
	return fitting[0]
}

func (c *Client) hookEvent(info *resource.Info, phase, status, message string) {
	if c.report.listening() && isHook(info) {
		c.report.hook(resourceOf(info), phase, status, message)
	}
}

// hooksFailed ends the hooks that could not be created; where the error is one object's, its own.
func (c *Client) hooksFailed(resources kube.ResourceList, err error) {
	if !c.report.listening() {
		return
	}
	for _, info := range resources {
		if isHook(info) {
			c.hookEvent(info, c.hookPhase(info), hookFailed, shorten(err.Error()))
		}
	}
}
