package bridge

import "time"

// Stopped is why an operation was stopped, and what it was doing then.
type Stopped struct {
	code   string // of the error; empty: who stopped it knows
	reason string
	phase  string
}

func (s *Stopped) String() string {
	if s.phase == "" {
		return "stopped: " + s.reason
	}
	return "stopped in its phase " + s.phase + ": " + s.reason
}

// hearing is how long what an operation waited for may take to be told after it was stopped. It goes on meanwhile.
const hearing = 300 * time.Millisecond

// Witness sets who says, when the operation is stopped for a reason, what it was waiting for: at once what is known, and
// again when more is. The last word counts. done takes the witness back.
func (o *Operation) Witness(tell func(say func(any))) (done func()) {
	witness := &tell
	o.witness.Store(witness)
	return func() { o.witness.CompareAndSwap(witness, nil) }
}

// hear lets the witness tell, with the operation's context still alive, and ends that then.
func (o *Operation) hear(tell func(say func(any))) {
	defer o.stop()
	told := make(chan struct{})
	go func() {
		defer close(told)
		_ = Guard("witness", func() error {
			tell(func(waited any) {
				o.mu.Lock()
				defer o.mu.Unlock()
				o.waited = waited
			})
			return nil
		})
	}()
	timer := time.NewTimer(hearing)
	defer timer.Stop()
	select {
	case <-told:
	case <-timer.C:
	case <-o.ctx.Done():
	}
}

// testimony gives the error of an operation that was stopped for a reason what is known of that moment.
func (o *Operation) testimony(err *Error) *Error {
	stopped := o.stopped.Load()
	if stopped == nil {
		return err
	}
	err = err.with("phase", stopped.phase)
	if stopped.code != "" {
		err.Code, err.Message = stopped.code, stopped.String()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.waited != nil {
		err = err.with("not_ready", o.waited)
	}
	return err
}
