package bridge

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"regexp"
	"slices"
)

// envelope is what the bridge itself reads of a request.
type envelope struct {
	Listen      bool            `json:"listen"`
	LogLevel    string          `json:"log_level"`
	Traceparent string          `json:"traceparent"`
	Arguments   json.RawMessage `json:"arguments"`
}

// Start checks the request, starts the action on a goroutine of its own and returns at once: {} or {"error": {...}}.
//
// How the action ends is the operation's done event. A Request with a method Validate() error is asked before anything starts.
func Start[H, Request, Result any](r *Runtime, handles *Handles[H], handle, op uint64, request []byte, action func(*Operation, H, Request) (Result, error)) []byte {
	return Answer(nil, Guard("start", func() error {
		operation, arguments, err := open[Request](r, handle, op, request)
		if err != nil {
			r.forget(op)
			return err
		}
		on, err := handles.Get(handle)
		if err != nil {
			r.forget(op)
			return err
		}
		if err := r.begin(operation); err != nil {
			operation.stop()
			return err
		}
		go r.run(operation, func() (any, error) { return action(operation, on, arguments) })
		return nil
	}))
}

// open reads the request and makes its operation, which is not started yet.
func open[Request any](r *Runtime, handle, number uint64, request []byte) (*Operation, Request, error) {
	var arguments Request
	if number == 0 {
		return nil, arguments, Errorf(CodeInvalidRequest, "operation 0 belongs to nobody: numbers start at 1")
	}
	var asked envelope
	if err := Decode(request, &asked); err != nil {
		return nil, arguments, err
	}
	level, known := levels[asked.LogLevel]
	if !known {
		return nil, arguments, invalid("log_level", "expected one of %q, got %q", slices.Sorted(maps.Keys(levels)), asked.LogLevel)
	}
	if asked.Traceparent != "" && !traceparent.MatchString(asked.Traceparent) {
		return nil, arguments, invalid("traceparent", "expected a header of W3C's trace context, got %q", asked.Traceparent)
	}
	if asked.Arguments != nil {
		if err := Decode(asked.Arguments, &arguments); err != nil {
			return nil, arguments, err
		}
	}
	if checked, ok := any(&arguments).(interface{ Validate() error }); ok {
		if err := checked.Validate(); err != nil {
			return nil, arguments, asError(err, CodeInvalidRequest)
		}
	}
	r.logLevel.Store(int64(level))
	operation := r.newOperation(handle, number, asked.Listen, level)
	operation.trace = asked.Traceparent
	return operation, arguments, nil
}

var traceparent = regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

func (r *Runtime) newOperation(handle, number uint64, listening bool, level slog.Level) *Operation {
	op := newOperation(context.Background())
	q := newQueue(number)
	op.handle, op.number, op.listening, op.logLevel, op.grace = handle, number, listening, level, r.grace
	op.emit = func(event Event) { r.outbox.add(q, event) }
	op.ask = func(text []byte) { r.outbox.call(q, text) }
	op.done = func(key string, value []byte) { r.outbox.done(q, key, value) }
	op.abandon = func() { r.abandon(op) }
	return op
}

// run does the action and says how it ended. It is the goroutine's whole life.
func (r *Runtime) run(op *Operation, action func() (any, error)) {
	defer op.stop()
	var result json.RawMessage
	err := error(Errorf(CodePanic, "the action ended its goroutine (runtime.Goexit)"))
	defer func() { r.end(op, result, err) }()
	err = Guard("operation", func() error {
		value, err := action()
		if err != nil {
			return err
		}
		if result, err = Encode(value); err != nil {
			return Errorf(CodeInvalidResult, "encoding the result: %w", err)
		}
		return nil
	})
}

// end sends the last event, unless the operation was abandoned before, and takes the goroutine out of the count. Who
// cancelled hears of that in any case; who stopped it for a reason gets a result that was there already.
func (r *Runtime) end(op *Operation, result json.RawMessage, err error) {
	ended, cancelled := op.finish()
	switch {
	case !ended:
	case cancelled && (err != nil || op.Stopped() == ""):
		op.done("error", encodeError(op.testimony(cancellation(err))))
	case err != nil:
		op.done("error", encodeError(asError(err, CodeHelm)))
	default:
		op.done("result", result)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running--
	op.returned = true
	delete(r.lost, op)
	if ended {
		r.remove(op)
	}
}

// abandon tells the caller that the operation ended, although its goroutine goes on.
func (r *Runtime) abandon(op *Operation) {
	r.mu.Lock()
	if !op.returned {
		r.lost[op] = struct{}{}
	}
	r.mu.Unlock()
	gone := Errorf(CodeCancelled, "cancelled; what it was doing can not be interrupted and still runs").with("abandoned", true)
	op.done("error", encodeError(op.testimony(gone)))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remove(op)
}

// cancellation is the error of a cancelled operation: the action's own says what it was doing, and its code is a detail.
func cancellation(err error) *Error {
	if err == nil {
		return Errorf(CodeCancelled, "cancelled; the work was already done")
	}
	own := asError(err, CodeHelm)
	if own.Code == CodeCancelled {
		return own
	}
	own = own.with("cause", own.Code)
	own.Code = CodeCancelled
	return own
}
