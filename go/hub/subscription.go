package hub

import (
	"context"
	"net/http"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// waiting is how many events wait for a reader before it is told to list anew.
const waiting = 4096

// subscription is a shared watch as one reader sees it: what is wanted, after a version.
type subscription struct {
	shared *shared
	wanted func(namespace, name string) bool
	leave  func()
	events chan watch.Event

	mu      sync.Mutex
	after   uint64
	pending []watch.Event
	over    bool          // what is pending is the last
	wake    chan struct{} // something is pending
	stopped chan struct{}
	once    sync.Once
}

var _ watch.Interface = (*subscription)(nil)

func newSubscription(of *shared, after uint64, wanted func(namespace, name string) bool, leave func()) *subscription {
	return &subscription{
		shared: of, wanted: wanted, leave: leave, after: after, events: make(chan watch.Event),
		wake: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
}

// Stop implements watch.Interface.
func (s *subscription) Stop() { s.once.Do(func() { close(s.stopped) }) }

// ResultChan implements watch.Interface.
func (s *subscription) ResultChan() <-chan watch.Event { return s.events }

// offer takes an event that the reader may want. The events' objects are everybody's: nobody changes them.
func (s *subscription) offer(made version) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || made.number <= s.after {
		return
	}
	if object, ok := made.event.Object.(metav1.Object); ok && made.event.Type != watch.Bookmark &&
		!s.wanted(object.GetNamespace(), object.GetName()) {
		return
	}
	s.after = made.number
	if len(s.pending) == waiting {
		s.finish()
		return
	}
	s.pending = append(s.pending, made.event)
	s.signal()
}

// expire has the reader list anew, after it has got what is pending.
func (s *subscription) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish()
}

func (s *subscription) finish() {
	if s.over {
		return
	}
	s.over = true
	s.pending = append(s.pending, watch.Event{Type: watch.Error, Object: &metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusGone, Reason: metav1.StatusReasonExpired,
		Message: "the watch ended, list again",
	}})
	s.signal()
}

func (s *subscription) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *subscription) take() (events []watch.Event, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	events, s.pending = s.pending, nil
	return events, s.over
}

// pump hands the events to the reader until it stops, its context ends, or there are no more.
func (s *subscription) pump(ctx context.Context) {
	defer s.leave()
	defer close(s.events)
	defer s.shared.unsubscribe(s)
	for {
		events, over := s.take()
		for _, event := range events {
			select {
			case s.events <- event:
			case <-s.stopped:
				return
			case <-ctx.Done():
				return
			}
		}
		if over {
			return
		}
		select {
		case <-s.wake:
		case <-s.stopped:
			return
		case <-ctx.Done():
			return
		}
	}
}
