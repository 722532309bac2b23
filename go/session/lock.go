package session

import (
	"sync"
	"time"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// CodeReleasePending is the code of a release that something else is changing.
const CodeReleasePending = "release_pending"

// locks are the releases that an operation of this process is changing.
type locks struct {
	mu   sync.Mutex
	held map[releaseKey]holder
}

type releaseKey struct{ namespace, release string }

type holder struct {
	action string
	since  time.Time
}

// Lock takes a release for one action, or says at once what else is changing it: Helm itself would spoil its history.
func (s *Session) Lock(namespace, release, action string) (unlock func(), err error) {
	key := releaseKey{namespace, release}
	s.locks.mu.Lock()
	defer s.locks.mu.Unlock()
	if running, taken := s.locks.held[key]; taken {
		since := moment(running.since)
		pending := bridge.Errorf(CodeReleasePending,
			"release %q in namespace %q is being changed by this process: %s since %s; wait for it, or cancel it first",
			release, namespace, running.action, since)
		pending.Details = map[string]any{
			"release": release, "namespace": namespace, "running": running.action, "since": since,
		}
		return nil, pending
	}
	if s.locks.held == nil {
		s.locks.held = map[releaseKey]holder{}
	}
	s.locks.held[key] = holder{action, time.Now()}
	return sync.OnceFunc(func() {
		s.locks.mu.Lock()
		defer s.locks.mu.Unlock()
		delete(s.locks.held, key)
	}), nil
}
