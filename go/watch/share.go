package watch

import (
	"sync/atomic"

	"helm.sh/helm/v4/pkg/kube"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/helm-sdkpy/helm-sdkpy/go/hub"
)

// sharingFactory gives Helm's waiter a dynamic client whose watches are the session's: all of Helm's rules stay, and a
// hundred waits in a namespace are one watch for each kind.
type sharingFactory struct {
	kube.Factory
	hub      *hub.Hub
	interest *interest
}

// DynamicClient implements kube.Factory.
func (f sharingFactory) DynamicClient() (dynamic.Interface, error) {
	client, err := f.Factory.DynamicClient()
	if err != nil {
		return nil, err
	}
	return f.hub.Client(client, f.interest.has), nil
}

// notAlone says whether other operations of the session may wait at the same time.
func (c *Client) notAlone(of *hub.Hub) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.others == nil {
		c.others = of.Join(c.ctx)
	}
	return c.others()
}

// interest are the objects that a waiter waits for now.
type interest struct {
	objects atomic.Pointer[map[object]struct{}]
}

func (i *interest) turn(to kube.ResourceList) {
	objects := make(map[object]struct{}, len(to))
	for _, info := range to {
		objects[objectOf(info)] = struct{}{}
	}
	i.objects.Store(&objects)
}

// has says of everything that it is wanted as long as nothing is known.
func (i *interest) has(resource schema.GroupResource, namespace, name string) bool {
	objects := i.objects.Load()
	if objects == nil {
		return true
	}
	_, has := (*objects)[object{resource, namespace, name}]
	return has
}
