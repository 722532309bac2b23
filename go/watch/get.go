package watch

import (
	"errors"
	"maps"
	"slices"
	"sync"

	"helm.sh/helm/v4/pkg/kube"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// readsAtOnce bounds the objects that are read at a time.
const readsAtOnce = 32

// relatedPods is where Helm puts the pods that belong to an object (helm: pkg/kube/client.go, getSelectRelationPod).
const relatedPods = "v1/Pod(related)"

// Get implements kube.Interface. Helm reads one object after the other, and the pods of each after it; here all are
// read at once, each with Helm's own Get. Helm takes an object that can not be read for absent: after a cancel, that
// would be all of them.
func (c *Client) Get(resources kube.ResourceList, related bool) (objects map[string][]runtime.Object, err error) {
	defer bridge.Recover("Get", &err)
	if err := c.ctx.Err(); err != nil {
		return nil, err
	}
	defer c.traffic.ahead.pause()()
	// Whether the pods are wanted as a table, Helm sees by the object.
	tables := c.tables.Load()
	pods := &podLists{client: c}
	if related && !tables {
		defer pods.begin(resources)()
	}
	found := make([]map[string][]runtime.Object, len(resources))
	failures := each(c.ctx, resources, readsAtOnce, func(i int, info *resource.Info) (err error) {
		found[i], err = c.Client.Get(kube.ResourceList{info}, related && tables)
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
			if kind != relatedPods {
				objects[kind] = append(objects[kind], list...)
			}
		}
		selector, selects := selectorOf(resources[i].Object)
		if !related || len(one) == 0 || !selects || slices.ContainsFunc(selectors, func(known map[string]string) bool { return maps.Equal(known, selector) }) {
			// Objects that select alike have the same pods, which are listed once; those of an absent one are not.
			continue
		}
		selectors = append(selectors, selector)
		listed := one[relatedPods]
		if !tables {
			listed = pods.of(resources[i], selector)
		}
		if len(listed) > 0 {
			objects[relatedPods] = append(objects[relatedPods], listed...)
		}
	}
	return objects, c.ctx.Err()
}

// selectorOf is Helm's getSelectorFromObject: what the manifest, not the cluster, says.
func selectorOf(object runtime.Object) (selector map[string]string, selects bool) {
	read, ok := object.(*unstructured.Unstructured)
	if !ok {
		return nil, false
	}
	path := []string{"spec", "selector", "matchLabels"}
	switch kind, _ := read.Object["kind"].(string); kind {
	case "ReplicaSet", "Deployment", "StatefulSet", "DaemonSet", "Job":
	case "ReplicationController":
		path = path[:2]
	default:
		return nil, false
	}
	selector, selects, _ = unstructured.NestedStringMap(read.Object, path...)
	return selector, selects
}

// podLists are the pods of a release's objects, listed while the objects are read: a list takes longer than all of them.
type podLists struct {
	client *Client
	lists  []podList
}

type podList struct {
	namespace string
	selector  map[string]string
	pods      func() []runtime.Object
}

// begin lists the pods of each selector. What it returns waits until none is being listed any more.
func (p *podLists) begin(resources kube.ResourceList) (wait func()) {
	var group sync.WaitGroup
	for _, info := range resources {
		selector, selects := selectorOf(info.Object)
		if !selects || slices.ContainsFunc(p.lists, func(known podList) bool { return maps.Equal(known.selector, selector) }) {
			continue
		}
		pods := sync.OnceValue(func() []runtime.Object { return p.client.podsOf(info, selector) })
		p.lists = append(p.lists, podList{info.Namespace, selector, pods})
		group.Go(func() { pods() })
	}
	return group.Wait
}

// of gives the pods of an object.
func (p *podLists) of(info *resource.Info, selector map[string]string) []runtime.Object {
	for _, known := range p.lists {
		if known.namespace == info.Namespace && maps.Equal(known.selector, selector) {
			return known.pods()
		}
	}
	return p.client.podsOf(info, selector) // the object for which they were listed is not there
}

// podsOf is Helm's getSelectRelationPod. Pods that can not be listed are none.
func (c *Client) podsOf(info *resource.Info, selector map[string]string) (pods []runtime.Object) {
	err := bridge.Guard("a kube call", func() error {
		infos, err := c.Factory.NewBuilder().
			Unstructured().
			ContinueOnError().
			NamespaceParam(info.Namespace).
			DefaultNamespace().
			ResourceTypes("pods").
			LabelSelector(labels.Set(selector).AsSelector().String()).
			Do().Infos()
		if err != nil {
			return err
		}
		for _, info := range infos {
			pods = append(pods, info.Object)
		}
		return nil
	})
	if err != nil {
		c.Logger().Warn("get the relation pod is failed", "error", err)
	}
	return pods
}
