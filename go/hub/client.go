package hub

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
)

// Wanted says which objects a reader is interested in.
type Wanted func(resource schema.GroupResource, namespace, name string) bool

// Client is an operation's dynamic client whose watches are the hub's, and whose lists and watches show only what is
// wanted. A list is always the operation's own request, and as new as the moment it was sent: so a reader never sees a
// state from before its own writes, and rights are checked as ever.
func (h *Hub) Client(direct dynamic.Interface, wanted Wanted) dynamic.Interface {
	return client{direct, h, wanted}
}

type client struct {
	dynamic.Interface
	hub    *Hub
	wanted Wanted
}

// IsWatchListSemanticsUnSupported has client-go's reflectors list before they watch (client-go: util/watchlist): a list
// that is streamed through a watch can not be shared.
func (c client) IsWatchListSemanticsUnSupported() bool { return true }

// Resource implements dynamic.Interface.
func (c client) Resource(resource schema.GroupVersionResource) dynamic.NamespaceableResourceInterface {
	return resourceClient{c.Interface.Resource(resource), c, resource}
}

type resourceClient struct {
	dynamic.NamespaceableResourceInterface
	client   client
	resource schema.GroupVersionResource
}

// Namespace implements dynamic.NamespaceableResourceInterface; kstatus asks for one always, be it the empty one.
func (r resourceClient) Namespace(namespace string) dynamic.ResourceInterface {
	return namespaceClient{
		r.NamespaceableResourceInterface.Namespace(namespace), r.client, key{r.resource, namespace},
	}
}

type namespaceClient struct {
	dynamic.ResourceInterface
	client client
	key    key
}

func (n namespaceClient) wanted(namespace, name string) bool {
	return n.client.wanted(n.key.GroupResource(), namespace, name)
}

// List implements dynamic.ResourceInterface. The watch is opened first, so that it covers all that comes after the list.
func (n namespaceClient) List(ctx context.Context, options metav1.ListOptions) (*unstructured.UnstructuredList, error) {
	if options.LabelSelector != "" || options.FieldSelector != "" {
		return n.ResourceInterface.List(ctx, options)
	}
	if options.Continue == "" {
		if _, release := n.client.hub.pin(ctx, n.key); release != nil {
			defer release()
		}
		// A reflector's first list may be an old one (client-go: tools/cache/reflector.go, relistResourceVersion).
		options.ResourceVersion, options.ResourceVersionMatch = "", ""
	}
	list, err := n.ResourceInterface.List(ctx, options)
	if err != nil {
		return nil, err
	}
	kept := list.Items[:0:0]
	for _, item := range list.Items {
		if n.wanted(item.GetNamespace(), item.GetName()) {
			kept = append(kept, item)
		}
	}
	list.Items = kept
	return list, nil
}

// Watch implements dynamic.ResourceInterface.
func (n namespaceClient) Watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	after, ok := number(options.ResourceVersion)
	if !ok || options.LabelSelector != "" || options.FieldSelector != "" || options.SendInitialEvents != nil {
		return n.ResourceInterface.Watch(ctx, options)
	}
	if found := n.client.hub.existing(n.key); found != nil {
		leave := func() { n.client.hub.leave(found) }
		if made := found.subscribe(ctx, after, n.wanted, leave); made != nil {
			return made, nil
		}
		leave()
	}
	return n.ResourceInterface.Watch(ctx, options)
}
