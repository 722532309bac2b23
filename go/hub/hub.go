// Package hub shares watches: one for each kind and namespace, however many operations of a session look at it.
package hub

import (
	"context"
	"strconv"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
)

const (
	lingers    = 5 * time.Second // how long a watch outlives its last user
	watches    = 256             // how many there are at most; others are not shared
	remembered = 512             // events of a watch that who listed just before can still get
)

// Hub keeps the watches of one session. They run under its own context and identity, not an operation's: nobody's cancel
// ends what others look at. To share is never a must: whatever can not be had from the hub is asked for directly.
type Hub struct {
	ctx    context.Context
	cancel context.CancelFunc
	client func() (dynamic.Interface, error)
	linger time.Duration

	mu     sync.Mutex
	shared map[key]*shared
	users  int
}

// key is what a watch is of.
type key struct {
	schema.GroupVersionResource
	namespace string
}

// New makes a hub without a watch; its requests go over the client, which is made when the first is sent.
func New(client func(context.Context) (dynamic.Interface, error)) *Hub {
	ctx, cancel := context.WithCancel(context.Background())
	return &Hub{
		ctx: ctx, cancel: cancel, linger: lingers, shared: map[key]*shared{},
		client: sync.OnceValues(func() (dynamic.Interface, error) { return client(ctx) }),
	}
}

// Join counts an operation that may wait, until its context ends. Others says whether there are more now: alone, nobody
// shares, and a list that is streamed through its own watch takes fewer requests.
func (h *Hub) Join(ctx context.Context) (others func() bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.users++
	context.AfterFunc(ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.users--
	})
	return func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.users > 1
	}
}

// Close ends all watches. Those who look at them go on directly.
func (h *Hub) Close() { h.cancel() }

// pin gives the watch of a key, opened, until release is called; nil where it can not be had. It was opened at a state
// of the cluster that is older than the call's end: a list that follows is never older than its beginning.
func (h *Hub) pin(ctx context.Context, of key) (found *shared, release func()) {
	h.mu.Lock()
	found = h.shared[of]
	if found == nil {
		if h.ctx.Err() != nil || len(h.shared) >= watches {
			h.mu.Unlock()
			return nil, nil
		}
		found = newShared(h, of)
		h.shared[of] = found
		go found.run()
	}
	found.users++
	h.mu.Unlock()
	release = sync.OnceFunc(func() { h.leave(found) })
	select {
	case <-found.opened:
	case <-found.ctx.Done():
	case <-ctx.Done():
	}
	if ctx.Err() != nil || found.ctx.Err() != nil {
		release()
		return nil, nil
	}
	return found, release
}

// leave takes a user away; with the last the watch ends, some time later.
func (h *Hub) leave(left *shared) {
	h.mu.Lock()
	defer h.mu.Unlock()
	left.users--
	left.left++
	if at := left.left; left.users == 0 {
		time.AfterFunc(h.linger, func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			if left.users == 0 && left.left == at {
				h.forget(left)
			}
		})
	}
}

// forget ends a watch; the lock is held.
func (h *Hub) forget(ended *shared) {
	ended.cancel()
	if h.shared[ended.key] == ended {
		delete(h.shared, ended.key)
	}
}

// existing is a watch that somebody opened before, with its user counted.
func (h *Hub) existing(of key) *shared {
	h.mu.Lock()
	defer h.mu.Unlock()
	found := h.shared[of]
	if found != nil {
		found.users++
	}
	return found
}

// shared is one watch.
type shared struct {
	hub    *Hub
	key    key
	ctx    context.Context
	cancel context.CancelFunc
	opened chan struct{}

	users, left int // the hub's lock guards them

	mu     sync.Mutex
	begun  bool
	floor  uint64 // all events after this version are known
	events []version
	subs   map[*subscription]struct{}
	ended  bool
}

// version is an event and the version of the cluster that it made.
type version struct {
	number uint64
	event  watch.Event
}

func newShared(h *Hub, of key) *shared {
	made := &shared{hub: h, key: of, opened: make(chan struct{}), subs: map[*subscription]struct{}{}}
	made.ctx, made.cancel = context.WithCancel(h.ctx)
	return made
}

// number reads a resourceVersion; they can be compared (KEP-5504), and where they are no numbers nothing is shared.
func number(text string) (uint64, bool) {
	read, err := strconv.ParseUint(text, 10, 64)
	return read, err == nil && read > 0
}

// subscribe gives the events after a version; nil where some of them are not known any more, or the watch has ended.
func (s *shared) subscribe(ctx context.Context, after uint64, wanted func(namespace, name string) bool, leave func()) *subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.begun || s.ended || after < s.floor {
		return nil
	}
	made := newSubscription(s, after, wanted, leave)
	for _, known := range s.events {
		made.offer(known)
	}
	s.subs[made] = struct{}{}
	go made.pump(ctx)
	return made
}

// begin lets readers in: what comes after the version will be known.
func (s *shared) begin(floor uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun, s.floor = true, floor
	close(s.opened)
}

func (s *shared) unsubscribe(gone *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.subs, gone)
}

// publish hands an event on, and keeps it for those who have just listed.
func (s *shared) publish(event watch.Event) bool {
	object, ok := event.Object.(metav1.Object)
	if !ok {
		return false
	}
	at, ok := number(object.GetResourceVersion())
	if !ok {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	made := version{at, event}
	if event.Type != watch.Bookmark {
		if len(s.events) == remembered {
			s.floor = s.events[0].number
			s.events = append(s.events[:0:0], s.events[1:]...)
		}
		s.events = append(s.events, made)
	}
	for each := range s.subs {
		each.offer(made)
	}
	return true
}

// end tells the subscribers to list anew.
func (s *shared) end() {
	s.hub.mu.Lock()
	s.hub.forget(s)
	s.hub.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for each := range s.subs {
		each.expire()
	}
}
