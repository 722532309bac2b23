package session

import (
	"context"
	"sync"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// flights are pieces of work that several operations wait for together; each is named by a key.
//
// The work runs under a context of its own: an operation that is cancelled leaves, and the others go on waiting. Only when
// nobody waits any more is the work cancelled.
type flights[T any] struct {
	mu      sync.Mutex
	running map[string]*flight[T]
	waiting map[string]*flight[T] // begins when the running one ends
}

type flight[T any] struct {
	done    chan struct{}
	value   T
	err     error
	waiters int
	ctx     context.Context
	cancel  context.CancelFunc
	work    func(context.Context) (T, error)
}

// do joins the work under way, or begins it. With fresh, work that began before the call is not good enough.
func (f *flights[T]) do(
	ctx context.Context, key string, fresh bool, work func(context.Context) (T, error),
) (T, error) {
	if err := ctx.Err(); err != nil {
		var none T
		return none, err
	}
	joined := f.join(ctx, key, fresh, work)
	select {
	case <-joined.done:
		return joined.value, joined.err
	case <-ctx.Done():
		f.leave(key, joined)
		var none T
		return none, ctx.Err()
	}
}

func (f *flights[T]) join(
	ctx context.Context, key string, fresh bool, work func(context.Context) (T, error),
) *flight[T] {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.running == nil {
		f.running, f.waiting = map[string]*flight[T]{}, map[string]*flight[T]{}
	}
	running := f.running[key]
	if running != nil && !fresh {
		running.waiters++
		return running
	}
	if waiting := f.waiting[key]; waiting != nil {
		waiting.waiters++
		return waiting
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	made := &flight[T]{done: make(chan struct{}), waiters: 1, ctx: own, cancel: cancel, work: work}
	if running != nil {
		f.waiting[key] = made
		return made
	}
	f.begin(key, made)
	return made
}

// begin starts the work; the lock is held.
func (f *flights[T]) begin(key string, begun *flight[T]) {
	f.running[key] = begun
	go func() {
		defer begun.cancel()
		begun.err = bridge.Guard(key, func() (err error) {
			begun.value, err = begun.work(begun.ctx)
			return err
		})
		// First: who asks once its answer is known must not join it.
		f.mu.Lock()
		f.end(key, begun)
		f.mu.Unlock()
		close(begun.done)
	}()
}

// end takes the work off the list, so that the next begins; the lock is held.
func (f *flights[T]) end(key string, ended *flight[T]) {
	if f.running[key] != ended {
		return
	}
	delete(f.running, key)
	if next := f.waiting[key]; next != nil {
		delete(f.waiting, key)
		f.begin(key, next)
	}
}

func (f *flights[T]) leave(key string, left *flight[T]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	left.waiters--
	if left.waiters > 0 {
		return
	}
	left.cancel()
	if f.waiting[key] == left {
		delete(f.waiting, key)
		return
	}
	// Nobody may join what is cancelled.
	f.end(key, left)
}
