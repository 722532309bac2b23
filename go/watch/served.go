package watch

import (
	"time"

	"helm.sh/helm/v4/pkg/kube"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// A definition is established some milliseconds before discovery shows its kind. The helm command is seldom fast enough
// to meet that; a shared session is, and then the chart's own objects have "no matches for kind".
const (
	servedWithin = 5 * time.Second
	servedEvery  = 10 * time.Millisecond
)

// awaitServed waits until discovery shows the kinds of the definitions in the list, for a while.
func (c *Client) awaitServed(resources kube.ResourceList) {
	missing := kindsDefined(resources)
	if len(missing) == 0 || c.options.Refresh == nil {
		return
	}
	client, err := c.kubernetes()
	if err != nil {
		return // whoever needs the client says so
	}
	deadline := time.NewTimer(servedWithin)
	defer deadline.Stop()
	tick := time.NewTicker(servedEvery)
	defer tick.Stop()
	for {
		c.options.Refresh()
		// What is wrong with another group is of no concern here: what could be read is given in any case.
		_, lists, _ := client.Discovery().ServerGroupsAndResources()
		for _, list := range lists {
			for _, found := range list.APIResources {
				delete(missing, schema.FromAPIVersionAndKind(list.GroupVersion, found.Kind))
			}
		}
		if len(missing) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return // what needs the kind fails, and says that there is none
		case <-c.ctx.Done():
			return
		}
	}
}

// kindsDefined are the kinds that the definitions in the list have the API server serve.
func kindsDefined(resources kube.ResourceList) map[schema.GroupVersionKind]bool {
	kinds := map[schema.GroupVersionKind]bool{}
	for _, info := range resources {
		object, ok := info.Object.(*unstructured.Unstructured)
		if !ok || info.Mapping == nil || info.Mapping.GroupVersionKind.GroupKind() != definitions {
			continue
		}
		group, _, _ := unstructured.NestedString(object.Object, "spec", "group")
		kind, _, _ := unstructured.NestedString(object.Object, "spec", "names", "kind")
		versions, _, _ := unstructured.NestedSlice(object.Object, "spec", "versions")
		for _, version := range versions {
			if fields, ok := version.(map[string]any); ok && fields["served"] == true {
				name, _ := fields["name"].(string)
				kinds[schema.GroupVersionKind{Group: group, Version: name, Kind: kind}] = true
			}
		}
	}
	return kinds
}
