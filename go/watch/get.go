package watch

import (
	"errors"
	"reflect"
	"slices"

	"helm.sh/helm/v4/pkg/kube"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// readsAtOnce bounds the objects that are read at a time.
const readsAtOnce = 32

// relatedPods is where Helm puts the pods that belong to an object (helm: pkg/kube/client.go, getSelectRelationPod).
const relatedPods = "v1/Pod(related)"

// Get implements kube.Interface. Helm reads one object after the other; each goes through Helm's own Get here too, but
// all at once. Helm takes an object that can not be read for absent: after a cancel, that would be all of them.
func (c *Client) Get(resources kube.ResourceList, related bool) (objects map[string][]runtime.Object, err error) {
	defer bridge.Recover("Get", &err)
	if err := c.ctx.Err(); err != nil {
		return nil, err
	}
	defer c.traffic.ahead.pause()()
	found := make([]map[string][]runtime.Object, len(resources))
	failures := each(c.ctx, resources, readsAtOnce, func(i int, info *resource.Info) (err error) {
		found[i], err = c.Client.Get(kube.ResourceList{info}, related)
		return err
	})
	if err := c.ctx.Err(); err != nil {
		return nil, err
	}
	if err := errors.Join(failures...); err != nil {
		return nil, c.failed("get", err)
	}
	objects = map[string][]runtime.Object{}
	var selectors []map[string]string
	for i, one := range found {
		for kind, list := range one {
			if kind == relatedPods {
				// Objects that select alike have the same pods, which are listed once.
				selector := selectorOf(resources[i].Object)
				if slices.ContainsFunc(selectors, func(known map[string]string) bool { return reflect.DeepEqual(known, selector) }) {
					continue
				}
				selectors = append(selectors, selector)
			}
			objects[kind] = append(objects[kind], list...)
		}
	}
	return objects, nil
}

// selectorOf is Helm's getSelectorFromObject.
func selectorOf(object runtime.Object) map[string]string {
	read, ok := object.(*unstructured.Unstructured)
	if !ok {
		return nil
	}
	path := []string{"spec", "selector", "matchLabels"}
	if read.GetKind() == "ReplicationController" {
		path = path[:2]
	}
	selector, _, _ := unstructured.NestedStringMap(read.Object, path...)
	return selector
}
