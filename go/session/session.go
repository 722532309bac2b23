package session

import (
	"context"
	"net/http"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"

	"github.com/helm-sdkpy/helm-sdkpy/go/hub"
)

// Session is what Configurations for one cluster and identity share.
type Session struct {
	key    string
	target target
	wire   *wire // nil where err says why there is no cluster
	err    error
	rate   flowcontrol.RateLimiter // nil: no limit

	mappings   mappings
	validators validators
	locks      locks
	records    *RecordCache
	outlines   *RecordCache
	hub        *hub.Hub

	memory sharedMemory
	sql    sqlDrivers

	users int // Configurations; the pool's lock guards it
}

// newSession makes a session; where there is no cluster, everything that needs one says why.
func newSession(key string, found target, options Options) *Session {
	made := &Session{
		key: key, target: found, err: found.err, memory: newSharedMemory(),
		records: newRecordCache(keptRecords), outlines: newRecordCache(keptOutlines),
	}
	made.hub = hub.New(made.lasting)
	if made.err != nil {
		return made
	}
	if made.wire, made.err = newWire(found.config, options.Environment); made.err != nil {
		made.err = invalid("kubeconfig", "the kubeconfig can not be used: %w", made.err)
	}
	if qps, burst, limited := options.rate(); limited {
		made.rate = flowcontrol.NewTokenBucketRateLimiter(qps, burst)
	}
	return made
}

// invalidate forgets what the API server serves, in every place at once: one alone would bring the stale answers back.
func (s *Session) invalidate() {
	if s.wire != nil {
		s.wire.cache.invalidate()
	}
	s.mappings.invalidate()
	s.validators.invalidate()
}

// close lets go of everything that outlives an operation. An operation that still runs keeps its connection until it ends.
func (s *Session) close() error {
	s.hub.Close()
	if s.wire != nil {
		s.wire.close()
	}
	return s.sql.close()
}

// lasting is a client whose requests belong to no operation: they end with the context.
func (s *Session) lasting(ctx context.Context) (dynamic.Interface, error) {
	if s.err != nil {
		return nil, s.err
	}
	pick := func(*http.Request) context.Context { return ctx }
	carrier := &carrier{next: &patience{s.wire.cache}, pick: pick, used: &s.wire.used}
	config := s.config(carrier, func() context.Context { return ctx })
	return dynamic.NewForConfigAndClient(config, &http.Client{Transport: carrier})
}

// config is a config for requests that go over next, with the session's rate limit; waiting for that ends with ctx.
func (s *Session) config(next *carrier, ctx func() context.Context) *rest.Config {
	config := s.wire.restConfig(next)
	if s.rate != nil {
		config.RateLimiter = &limiter{RateLimiter: s.rate, ctx: ctx}
	}
	return config
}
