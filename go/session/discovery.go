package session

import (
	"net/http"
	"sync/atomic"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/rest"
)

// discoveryView is what one operation sees of discovery.
//
// Helm invalidates it in every action (action.getCapabilities); from then on it reads with conditional requests, so that
// .Capabilities.APIVersions.Has is never stale, and still costs no more than a 304.
type discoveryView struct {
	discovery.CachedDiscoveryInterface
	insisting atomic.Bool
}

func newDiscoveryView(config *rest.Config, next http.RoundTripper) (*discoveryView, error) {
	view := &discoveryView{}
	client := &http.Client{Transport: &insist{next: next, when: view.insisting.Load}}
	direct, err := discovery.NewDiscoveryClientForConfigAndClient(config, client)
	if err != nil {
		return nil, err
	}
	view.CachedDiscoveryInterface = memory.NewMemCacheClient(direct)
	return view, nil
}

// Invalidate implements discovery.CachedDiscoveryInterface.
func (v *discoveryView) Invalidate() {
	v.insisting.Store(true)
	v.CachedDiscoveryInterface.Invalidate()
}
