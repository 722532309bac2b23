package bridge

import (
	"context"
)

type reply struct {
	result string
	err    error
}

// Call asks a Python callable and waits for its answer, until ctx or the operation is cancelled.
func (o *Operation) Call(ctx context.Context, method, argument string) (string, error) {
	if o.ask == nil {
		return "", Errorf(CodeCallable, "%s: nobody answers this operation's calls", method)
	}
	answer := make(chan reply, 1)
	o.mu.Lock()
	if o.calls == nil {
		o.calls = map[uint64]chan reply{}
	}
	o.lastCall++
	number := o.lastCall
	o.calls[number] = answer
	o.mu.Unlock()
	defer func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.calls, number)
	}()
	o.ask(encodeCall(o.number, number, method, argument))
	select {
	case got := <-answer:
		if got.err != nil {
			return "", (&Error{Code: CodeCallable, Message: method + ": " + got.err.Error(), Cause: got.err}).with("method", method)
		}
		return got.result, nil
	case <-ctx.Done():
		return "", Errorf(CodeCancelled, "%s: %w", method, context.Cause(ctx))
	case <-o.ctx.Done():
		return "", Errorf(CodeCancelled, "%s: %w", method, context.Cause(o.ctx))
	}
}

// answer hands the reply to the call that waits for it; each takes one.
func (o *Operation) answer(number uint64, given reply) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	waiting, known := o.calls[number]
	if !known {
		return Errorf(CodeUnknownCall, "operation %d waits for no answer to call %d", o.number, number)
	}
	delete(o.calls, number)
	waiting <- given
	return nil
}
