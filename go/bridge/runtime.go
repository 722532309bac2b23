package bridge

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// abandonAfter is how long a cancelled operation that nothing holds may take to return.
	abandonAfter = 800 * time.Millisecond
	// marksLimit is how many cancelled numbers that never started are remembered. A cancel overtakes its start by
	// milliseconds, while one that comes after its operation's end leaves a mark that nobody will ask for.
	marksLimit = 4096
)

// Runtime is the table of what runs, and the outbox that all of it shares.
type Runtime struct {
	outbox   *outbox
	nobody   *queue // events that belong to no operation
	logLevel atomic.Int64
	grace    time.Duration

	mu         sync.Mutex
	operations map[uint64]*Operation
	marks      map[uint64]struct{}     // cancelled before they started
	marked     []uint64                // the same, oldest first; may name ones that were started since
	lost       map[*Operation]struct{} // abandoned, their goroutines still run
	running    int                     // goroutines, those of abandoned operations too
	closing    bool
	empty      chan struct{} // closed when closing and no operation is left
}

// NewRuntime makes a Runtime with nothing in it.
func NewRuntime() *Runtime {
	r := &Runtime{
		outbox:     newOutbox(),
		nobody:     newQueue(0),
		grace:      abandonAfter,
		operations: map[uint64]*Operation{},
		marks:      map[uint64]struct{}{},
		lost:       map[*Operation]struct{}{},
		empty:      make(chan struct{}),
	}
	r.logLevel.Store(int64(slog.LevelInfo))
	return r
}

// Cancel cancels the operation, or marks its number so that it never starts. It never blocks.
func (r *Runtime) Cancel(number uint64) { r.Stop(number, "") }

// Stop is Cancel for a reason that records and errors tell, such as "its deadline of 30 s passed".
func (r *Runtime) Stop(number uint64, reason string) {
	r.mu.Lock()
	op := r.operations[number]
	if op == nil {
		r.mark(number)
	}
	r.mu.Unlock()
	if op != nil {
		op.cancel(reason)
	}
}

func (r *Runtime) mark(number uint64) {
	if _, known := r.marks[number]; known {
		return
	}
	if len(r.marked) >= marksLimit {
		delete(r.marks, r.marked[0])
		r.marked = r.marked[1:]
	}
	r.marks[number] = struct{}{}
	r.marked = append(r.marked, number)
}

// Reply hands Python's answer, {"call": N, "result": "..."} or {"call": N, "error": "..."}, to the call that waits for it.
func (r *Runtime) Reply(number uint64, text []byte) error {
	var given struct {
		Call   uint64  `json:"call"`
		Result *string `json:"result"`
		Error  *string `json:"error"`
	}
	if err := Decode(text, &given); err != nil {
		return err
	}
	if (given.Result == nil) == (given.Error == nil) {
		return invalid("result", "a reply has either a result or an error")
	}
	r.mu.Lock()
	op := r.operations[number]
	r.mu.Unlock()
	if op == nil {
		return Errorf(CodeUnknownCall, "operation %d does not run", number)
	}
	if given.Error != nil {
		return op.answer(given.Call, reply{err: errors.New(*given.Error)})
	}
	return op.answer(given.Call, reply{result: *given.Result})
}

// NextEvents blocks until there are events and gives them as {"events": [...]}; after Shutdown the last has "shutdown": true.
func (r *Runtime) NextEvents() []byte { return r.outbox.next() }

// Logs handles what is logged by code that knows no operation. Its level is what the last start's caller lets through.
func (r *Runtime) Logs() slog.Handler {
	return &logHandler{
		level: func() slog.Level { return slog.Level(r.logLevel.Load()) },
		emit:  func(event Event) { r.outbox.add(r.nobody, event) },
	}
}

// Abandoned is how many operations were given up although their goroutines still run.
func (r *Runtime) Abandoned() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.lost)
}

// AbandonedOn is how many of them run on what the handle stands, or stood, for.
func (r *Runtime) AbandonedOn(handle uint64) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	count := 0
	for op := range r.lost {
		if op.handle == handle {
			count++
		}
	}
	return count
}

// Shutdown cancels all operations, waits for them, ends NextEvents, and says how many goroutines still run.
func (r *Runtime) Shutdown(timeout time.Duration) int {
	for _, op := range r.close() {
		op.cancel("")
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-r.empty:
	case <-timer.C:
		for _, op := range r.left() {
			op.giveUp()
		}
	}
	r.outbox.close()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.running
}

func (r *Runtime) close() []*Operation {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closing {
		r.closing = true
		if len(r.operations) == 0 {
			close(r.empty)
		}
	}
	return r.list()
}

func (r *Runtime) left() []*Operation {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.list()
}

func (r *Runtime) list() []*Operation {
	operations := make([]*Operation, 0, len(r.operations))
	for _, op := range r.operations {
		operations = append(operations, op)
	}
	return operations
}

// begin enters the operation in the table, unless its cancel has overtaken it.
func (r *Runtime) begin(op *Operation) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return Errorf(CodeShuttingDown, "the library is shutting down: nothing can be started any more")
	}
	if _, running := r.operations[op.number]; running {
		return Errorf(CodeDuplicate, "operation %d runs already", op.number)
	}
	if _, cancelled := r.marks[op.number]; cancelled {
		delete(r.marks, op.number)
		return Errorf(CodeCancelled, "cancelled before it started")
	}
	r.operations[op.number] = op
	r.running++
	return nil
}

// forget drops the mark of a number whose start failed: it never comes again.
func (r *Runtime) forget(number uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.marks, number)
}

// remove takes the operation out of the table: it ended, or was abandoned.
func (r *Runtime) remove(op *Operation) {
	delete(r.operations, op.number)
	if r.closing && len(r.operations) == 0 {
		close(r.empty)
	}
}
