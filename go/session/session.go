package session

import (
	"context"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"
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
	if s.wire != nil {
		s.wire.close()
	}
	return s.sql.close()
}

// config is a config for requests that go over next, with the session's rate limit; waiting for that ends with ctx.
func (s *Session) config(next *carrier, ctx func() context.Context) *rest.Config {
	config := s.wire.restConfig(next)
	if s.rate != nil {
		config.RateLimiter = &limiter{RateLimiter: s.rate, ctx: ctx}
	}
	return config
}
