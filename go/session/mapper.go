package session

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/restmapper"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// mappings are the session's kinds and resources, shared by its operations.
type mappings struct {
	mu         sync.Mutex
	current    *mapping
	generation uint64
	flights    flights[*mapping]
}

// mapping is what discovery said at one time.
type mapping struct {
	meta.RESTMapper
	asked time.Time // zero: unknown
}

// mapping gives the kinds and resources that the session knows. With fresh, they are read now.
func (s *Session) mapping(ctx context.Context, fresh bool) (*mapping, error) {
	known, generation := s.mappings.read()
	if known != nil && !fresh {
		return known, nil
	}
	return s.mappings.flights.do(ctx, fmt.Sprintf("discovery %d", generation), fresh, func(ctx context.Context) (*mapping, error) {
		var asked time.Time // what the cache gives may be older
		if fresh {
			asked = time.Now()
		}
		next := &insist{next: &patience{s.wire.cache}, when: func() bool { return fresh }}
		direct, err := discovery.NewDiscoveryClientForConfigAndClient(s.wire.restConfig(next), &http.Client{Transport: next})
		if err != nil {
			return nil, err
		}
		groups, err := restmapper.GetAPIGroupResourcesWithContext(ctx, direct)
		if err != nil {
			return nil, err
		}
		read := &mapping{restmapper.NewDiscoveryRESTMapper(groups), asked}
		s.mappings.store(read, generation)
		return read, nil
	})
}

func (m *mappings) read() (*mapping, uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.current, m.generation
}

// store keeps what was read, unless it was invalidated meanwhile.
func (m *mappings) store(read *mapping, generation uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.generation == generation {
		m.current = read
	}
}

func (m *mappings) invalidate() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.current = nil
	m.generation++
}

// mapper is the session's RESTMapper as one operation sees it: what is unknown is looked for once more before it is missing.
type mapper struct {
	session *Session
	ctx     context.Context
}

var _ meta.ResettableRESTMapper = (*mapper)(nil)

// find looks up, and where nothing is found looks again in discovery that was read after the call began. 64 operations that
// miss at once share the reading.
func find[T any](m *mapper, look func(meta.RESTMapper) (T, error)) (found T, err error) {
	defer bridge.Recover("RESTMapper", &err)
	began := time.Now()
	known, err := m.session.mapping(m.ctx, false)
	if err != nil {
		return found, err
	}
	found, err = look(known)
	if err == nil || !meta.IsNoMatchError(err) || known.asked.After(began) {
		return found, err
	}
	if known, err = m.session.mapping(m.ctx, true); err != nil {
		return found, err
	}
	return look(known)
}

// Reset implements meta.ResettableRESTMapper.
func (m *mapper) Reset() { m.session.invalidate() }

// KindFor implements meta.RESTMapper.
func (m *mapper) KindFor(resource schema.GroupVersionResource) (schema.GroupVersionKind, error) {
	return find(m, func(known meta.RESTMapper) (schema.GroupVersionKind, error) { return known.KindFor(resource) })
}

// KindsFor implements meta.RESTMapper.
func (m *mapper) KindsFor(resource schema.GroupVersionResource) ([]schema.GroupVersionKind, error) {
	return find(m, func(known meta.RESTMapper) ([]schema.GroupVersionKind, error) { return known.KindsFor(resource) })
}

// ResourceFor implements meta.RESTMapper.
func (m *mapper) ResourceFor(input schema.GroupVersionResource) (schema.GroupVersionResource, error) {
	return find(m, func(known meta.RESTMapper) (schema.GroupVersionResource, error) { return known.ResourceFor(input) })
}

// ResourcesFor implements meta.RESTMapper.
func (m *mapper) ResourcesFor(input schema.GroupVersionResource) ([]schema.GroupVersionResource, error) {
	return find(m, func(known meta.RESTMapper) ([]schema.GroupVersionResource, error) { return known.ResourcesFor(input) })
}

// RESTMapping implements meta.RESTMapper.
func (m *mapper) RESTMapping(kind schema.GroupKind, versions ...string) (*meta.RESTMapping, error) {
	return find(m, func(known meta.RESTMapper) (*meta.RESTMapping, error) { return known.RESTMapping(kind, versions...) })
}

// RESTMappings implements meta.RESTMapper.
func (m *mapper) RESTMappings(kind schema.GroupKind, versions ...string) ([]*meta.RESTMapping, error) {
	return find(m, func(known meta.RESTMapper) ([]*meta.RESTMapping, error) { return known.RESTMappings(kind, versions...) })
}

// ResourceSingularizer implements meta.RESTMapper.
func (m *mapper) ResourceSingularizer(resource string) (string, error) {
	return find(m, func(known meta.RESTMapper) (string, error) { return known.ResourceSingularizer(resource) })
}
