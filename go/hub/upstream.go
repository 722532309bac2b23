package hub

import (
	"context"
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

const (
	retries    = 5
	retryAfter = 100 * time.Millisecond // doubled each time
	lasts      = 300                    // seconds that a watch is asked to last at least, as client-go's reflector does
)

// run keeps the watch open until nobody has used it for a while or it can not be gone on with.
func (s *shared) run() {
	defer s.end()
	_ = bridge.Guard("a shared watch", func() error {
		client, err := s.hub.client()
		if err != nil {
			return err
		}
		objects := client.Resource(s.key.GroupVersionResource).Namespace(s.key.namespace)
		listed, err := objects.List(s.ctx, metav1.ListOptions{Limit: 1})
		if err != nil {
			return err
		}
		at, ok := number(listed.GetResourceVersion())
		if !ok {
			return nil
		}
		s.follow(objects, listed.GetResourceVersion(), at)
		return nil
	})
}

// follow watches from a version on, again and again: a server ends each watch after some minutes.
func (s *shared) follow(objects dynamic.ResourceInterface, from string, floor uint64) {
	opened := false
	for failures := 0; failures <= retries; failures++ {
		if failures > 0 && !pause(s.ctx, retryAfter<<(failures-1)) {
			return
		}
		seconds := int64(lasts + rand.IntN(lasts))
		stream, err := objects.Watch(s.ctx, metav1.ListOptions{
			ResourceVersion: from, AllowWatchBookmarks: true, TimeoutSeconds: &seconds,
		})
		switch {
		case err == nil:
		case !opened, apierrors.IsResourceExpired(err), apierrors.IsGone(err):
			return // whoever wants it asks directly, and gets the error
		default:
			continue
		}
		if !opened {
			opened = true
			s.begin(floor)
		}
		next, well := s.drain(stream)
		if !well {
			return
		}
		if next != "" {
			from, failures = next, 0
		}
	}
}

// drain hands on the events of one watch; it gives the version of the last, and whether the next watch can go on there.
func (s *shared) drain(stream watch.Interface) (last string, well bool) {
	defer stream.Stop()
	for event := range stream.ResultChan() {
		if event.Type == watch.Error { // a version that is gone, or a connection that broke
			failed := apierrors.FromObject(event.Object)
			return last, !apierrors.IsResourceExpired(failed) && !apierrors.IsGone(failed)
		}
		if !s.publish(event) {
			return "", false
		}
		last = event.Object.(metav1.Object).GetResourceVersion()
	}
	return last, s.ctx.Err() == nil
}

// pause waits; false where the context ended.
func pause(ctx context.Context, span time.Duration) bool {
	timer := time.NewTimer(span)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
