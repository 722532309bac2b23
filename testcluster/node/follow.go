package node

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// again is how often objects that did not change are looked at, for the case that acting on one failed.
const again = 10 * time.Second

// follow calls seen with every version of every object of a kind, one after the other, until the context ends.
func follow[Object runtime.Object, List runtime.Object](
	ctx context.Context,
	list func(context.Context, metav1.ListOptions) (List, error),
	watching func(context.Context, metav1.ListOptions) (watch.Interface, error),
	seen func(Object),
) {
	source := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return list(ctx, options)
		},
		WatchFuncWithContext: watching,
	}
	var example Object
	handle := func(object any) {
		if object, ok := object.(Object); ok {
			seen(object)
		}
	}
	_, controller := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: source,
		ObjectType:    example,
		ResyncPeriod:  again,
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    handle,
			UpdateFunc: func(_, object any) { handle(object) },
		},
	})
	go controller.RunWithContext(ctx)
}
