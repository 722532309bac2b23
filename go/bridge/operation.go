// Package bridge runs operations that Python starts, watches and cancels across the C boundary; it knows no Helm.
package bridge

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Operation is one running action: what it was asked, whether it was cancelled, and where its events go.
type Operation struct {
	handle    uint64 // what it runs on
	number    uint64
	listening bool
	logLevel  slog.Level
	trace     string // W3C's traceparent; empty: nobody traces
	emit      func(Event)
	ask       func(text []byte)              // nil: nobody answers calls
	done      func(key string, value []byte) // the last event

	parent context.Context
	ctx    context.Context
	stop   context.CancelFunc

	cancelled atomic.Bool
	abandoned atomic.Bool
	phase     atomic.Pointer[string] // the last one that was told
	stopped   atomic.Pointer[Stopped]
	witness   atomic.Pointer[func(say func(any))]
	grace     time.Duration
	returned  bool   // the goroutine has ended; guarded by the Runtime's lock
	abandon   func() // nil: never abandoned

	mu       sync.Mutex
	finished bool
	holds    int
	timer    *time.Timer
	armed    uint64 // which arming of the timer counts
	waited   any    // what the witness told
	calls    map[uint64]chan reply
	lastCall uint64
}

// NewOperation makes an operation that belongs to no Runtime: nobody listens, and it is never abandoned.
func NewOperation(ctx context.Context) *Operation {
	op := newOperation(ctx)
	op.logLevel = levelNone
	op.emit = func(Event) {}
	return op
}

// NewObserved is NewOperation with somebody who listens to everything; observe is called on the emitting goroutine.
func NewObserved(ctx context.Context, observe func(Event)) *Operation {
	op := newOperation(ctx)
	op.listening = true
	op.logLevel = slog.LevelDebug
	op.emit = observe
	return op
}

func newOperation(parent context.Context) *Operation {
	op := &Operation{parent: parent}
	op.ctx, op.stop = context.WithCancel(parent)
	return op
}

// Context is done when the operation is cancelled or the library shuts down.
func (o *Operation) Context() context.Context { return o.ctx }

// Cancelled says whether the operation was cancelled while it ran. Errors can not say it: Helm loses their cause.
func (o *Operation) Cancelled() bool { return o.cancelled.Load() || o.parent.Err() != nil }

// Stopped says why the operation was stopped by something else than a plain cancel; empty where it was not.
func (o *Operation) Stopped() string {
	if stopped := o.stopped.Load(); stopped != nil {
		return stopped.reason
	}
	return ""
}

// Abandoned says whether the caller was told that the operation ended although it still runs: it must write nothing more.
//
// Who holds the operation asks this after Hold, not before: while it is held, the answer stays.
func (o *Operation) Abandoned() bool { return o.abandoned.Load() }

// Number is Python's number of the operation; 0 where it belongs to no Runtime.
func (o *Operation) Number() uint64 { return o.number }

// Traceparent is what requests say of the caller's span that they belong to; empty where nobody traces.
func (o *Operation) Traceparent() string { return o.trace }

// Listening says whether anybody wants events other than logs.
func (o *Operation) Listening() bool { return o.listening }

// LogLevel is the least level whose logs are wanted; above slog.LevelError, none are.
func (o *Operation) LogLevel() slog.Level { return o.logLevel }

// Emit hands the event on and never blocks. Log events obey LogLevel, the others are dropped where nobody listens; the
// phase is remembered in any case.
func (o *Operation) Emit(event Event) {
	if event.Type == TypePhase {
		phase := event.Phase
		o.phase.Store(&phase)
	}
	if event.Type == TypeLog {
		if level, known := levels[event.Level]; !known || level < o.logLevel {
			return
		}
	} else if !o.listening {
		return
	}
	o.emit(event)
}

// Handler makes log events of the operation of what is logged through it.
func (o *Operation) Handler() slog.Handler {
	return &logHandler{level: o.LogLevel, emit: o.Emit}
}

// Hold keeps a cancelled operation from being abandoned until release is called, for what must be finished all the same:
// a record's write, a clean-up. Who holds bounds it.
func (o *Operation) Hold() (release func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.holds++
	o.disarm()
	return sync.OnceFunc(func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.holds--
		o.arm()
	})
}

// cancel ends the operation's context; an operation that has finished is left as it is. Where it is stopped for a reason,
// the witness is heard first.
func (o *Operation) cancel(reason string) { o.end("", reason) }

// Fail ends the operation as a cancel does, for a reason that its record tells, and its caller by an error of that code: by
// something that makes it wrong to go on. Nothing is heard before.
func (o *Operation) Fail(code, reason string) { o.end(code, reason) }

func (o *Operation) end(code, reason string) {
	o.mu.Lock()
	if o.finished || o.cancelled.Load() {
		o.mu.Unlock()
		return
	}
	if reason != "" {
		stopped := &Stopped{code: code, reason: reason}
		if phase := o.phase.Load(); phase != nil {
			stopped.phase = *phase
		}
		o.stopped.Store(stopped)
	}
	o.cancelled.Store(true)
	o.arm()
	o.mu.Unlock()
	if witness := o.witness.Load(); witness != nil && reason != "" && code == "" {
		go o.hear(*witness)
		return
	}
	o.stop()
}

// arm starts the time after which the operation is abandoned, where there is reason to.
func (o *Operation) arm() {
	if o.abandon == nil || o.finished || o.holds > 0 || !o.cancelled.Load() {
		return
	}
	o.disarm()
	armed := o.armed
	o.timer = time.AfterFunc(o.grace, func() { o.expire(armed) })
}

func (o *Operation) disarm() {
	o.armed++
	if o.timer != nil {
		o.timer.Stop()
		o.timer = nil
	}
}

// expire abandons the operation unless it was held, or finished, since the timer was armed.
func (o *Operation) expire(armed uint64) {
	o.mu.Lock()
	due := !o.finished && o.armed == armed
	if due {
		o.leave()
	}
	o.mu.Unlock()
	if due {
		o.abandon()
	}
}

// giveUp abandons the operation at once, held or not: the library shuts down.
func (o *Operation) giveUp() {
	o.mu.Lock()
	due := !o.finished
	if due {
		o.disarm()
		o.leave()
	}
	o.mu.Unlock()
	if due {
		o.abandon()
	}
}

func (o *Operation) leave() {
	o.finished = true
	o.abandoned.Store(true)
}

// finish says whether the operation ends now, or (false) was abandoned before. Whether it was cancelled is settled here:
// a cancel that comes later finds it finished.
func (o *Operation) finish() (ended, cancelled bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.finished {
		return false, true
	}
	o.finished = true
	o.disarm()
	return true, o.cancelled.Load()
}
