package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

type request struct {
	Name string `json:"name"`
	Port int    `json:"port"`
}

func (r request) Validate() error {
	switch r.Name {
	case "forbidden":
		return Errorf("name_forbidden", "the name is forbidden")
	case "plain":
		return errors.New("the name is plain")
	case "panic":
		panic("in Validate")
	}
	return nil
}

// wire is any event as Python reads it.
type wire struct {
	Op       uint64
	Type     string
	Time     string
	Message  string
	Level    string
	Status   string
	Action   string
	Phase    string
	Resource *Resource
	Fields   map[string]any
	Call     uint64
	Method   string
	Argument string
	Dropped  int
	Result   json.RawMessage
	Error    *struct {
		Code    string
		Message string
		Details map[string]any
	}
}

// harness is a Runtime with one configuration and what collects its events.
type harness struct {
	*Runtime
	t       *testing.T
	handles *Handles[string]
	handle  uint64
	events  chan wire
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	h := &harness{Runtime: NewRuntime(), t: t, handles: NewHandles[string](), events: make(chan wire, 1<<16)}
	h.handle = h.handles.Add("configuration")
	collected := make(chan struct{})
	go func() {
		defer close(collected)
		for {
			events, last := read(t, h.NextEvents())
			for _, event := range events {
				h.events <- event
			}
			if last {
				return
			}
		}
	}()
	t.Cleanup(func() {
		if left := h.Shutdown(10 * time.Second); left != 0 {
			t.Errorf("%d goroutines are left", left)
		}
		<-collected
	})
	return h
}

func read(t *testing.T, text []byte) ([]wire, bool) {
	t.Helper()
	var batch struct {
		Events   []wire
		Shutdown bool
	}
	if err := json.Unmarshal(text, &batch); err != nil {
		t.Errorf("%v in %s", err, text)
	}
	return batch.Events, batch.Shutdown
}

func start[Result any](h *harness, op uint64, arguments string, action func(*Operation, string, request) (Result, error)) string {
	return string(Start(h.Runtime, h.handles, h.handle, op, []byte(`{"listen": true, "log_level": "info", "arguments": `+arguments+`}`), action))
}

func (h *harness) mustStart(op uint64, action func(*Operation) (any, error)) {
	h.t.Helper()
	answer := start(h, op, `{}`, func(o *Operation, _ string, _ request) (any, error) { return action(o) })
	if answer != `{}` {
		h.t.Fatal(answer)
	}
}

// done collects until the operation's last event.
func (h *harness) done(op uint64) wire {
	h.t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		select {
		case event := <-h.events:
			if event.Op == op && event.Type == "done" {
				return event
			}
		case <-timeout:
			h.t.Fatalf("operation %d was never done", op)
		}
	}
}

func (h *harness) none() {
	h.t.Helper()
	select {
	case event := <-h.events:
		h.t.Errorf("unexpected event: %+v", event)
	case <-time.After(50 * time.Millisecond):
	}
}

func checkDone(t *testing.T, done wire, code, message string) {
	t.Helper()
	if done.Error == nil || done.Error.Code != code || !strings.Contains(done.Error.Message, message) {
		t.Fatalf("done with result %s, error %+v; want code %q, message %q", done.Result, done.Error, code, message)
	}
}

// untilCancelled is what a well-behaved action does.
func untilCancelled(o *Operation) (any, error) {
	<-o.Context().Done()
	return nil, fmt.Errorf("waiting: %w", context.Cause(o.Context()))
}

// untilReleased is one that can not be interrupted.
func untilReleased(release <-chan struct{}) func(*Operation) (any, error) {
	return func(*Operation) (any, error) {
		<-release
		return "late", nil
	}
}

func TestStartGivesTheResult(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	type result struct {
		On, Name string
		Port     int
	}
	answer := start(h, 7, `{"name": "<a&b>", "port": 80}`, func(o *Operation, on string, r request) (result, error) {
		if o.Number() != 7 || !o.Listening() || o.LogLevel() != 0 {
			t.Errorf("operation %d, listening %v, level %v", o.Number(), o.Listening(), o.LogLevel())
		}
		return result{on, r.Name, r.Port}, nil
	})
	if answer != `{}` {
		t.Fatal(answer)
	}
	if got := string(h.done(7).Result); got != `{"On":"configuration","Name":"<a&b>","Port":80}` {
		t.Fatal(got)
	}
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		op, handle uint64
		request    string
		code, text string
	}{
		"operation 0":         {0, 0, `{}`, CodeInvalidRequest, "start at 1"},
		"no JSON":             {1, 0, `hello`, CodeInvalidRequest, "no valid JSON"},
		"unknown in envelope": {1, 0, `{"argument": {}}`, CodeInvalidRequest, `argument: unknown field: did you mean \"arguments\"?`},
		"log level":           {1, 0, `{"log_level": "loud"}`, CodeInvalidRequest, "log_level: expected one of"},
		"traceparent":         {1, 0, `{"traceparent": "a\r\nb"}`, CodeInvalidRequest, "traceparent: expected a header"},
		"unknown argument":    {1, 0, `{"arguments": {"prot": 1}}`, CodeInvalidRequest, "prot: unknown field"},
		"wrong type":          {1, 0, `{"arguments": {"port": "80"}}`, CodeInvalidRequest, `"field":"port"`},
		"invalid with code":   {1, 0, `{"arguments": {"name": "forbidden"}}`, "name_forbidden", "the name is forbidden"},
		"invalid without":     {1, 0, `{"arguments": {"name": "plain"}}`, CodeInvalidRequest, "the name is plain"},
		"Validate panics":     {1, 0, `{"arguments": {"name": "panic"}}`, CodePanic, "in Validate"},
		"stale handle":        {1, 1 << 40, `{}`, CodeStaleHandle, "closed"},
		"garbage handle":      {1, 12345, `{}`, CodeStaleHandle, "closed"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			handle := test.handle
			if handle == 0 {
				handle = h.handle
			}
			answer := string(Start(h.Runtime, h.handles, handle, test.op, []byte(test.request), func(*Operation, string, request) (any, error) {
				t.Error("the action was started")
				return nil, nil
			}))
			if !strings.Contains(answer, fmt.Sprintf(`{"error":{"code":%q,`, test.code)) || !strings.Contains(answer, test.text) {
				t.Errorf("got %s", answer)
			}
			h.none()
		})
	}
}

func TestStartTwice(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.mustStart(3, untilCancelled)
	if answer := start(h, 3, `{}`, func(*Operation, string, request) (any, error) { return nil, nil }); !strings.Contains(answer, CodeDuplicate) {
		t.Fatal(answer)
	}
	h.Cancel(3)
	h.done(3)
	h.mustStart(3, func(*Operation) (any, error) { return nil, nil }) // the number is free again
	h.done(3)
}

func TestErrorsAndPanics(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	inner := &Error{Code: "release_not_found", Message: "no shop", Details: map[string]any{"release": "shop"}}
	tests := []struct {
		action        func(*Operation) (any, error)
		code, message string
	}{
		{func(*Operation) (any, error) { return nil, errors.New("from Helm") }, CodeHelm, "from Helm"},
		{func(*Operation) (any, error) { return nil, fmt.Errorf("status: %w", inner) }, "release_not_found", "status: no shop"},
		{func(*Operation) (any, error) { return make(chan int), nil }, CodeInvalidResult, "encoding the result"},
		{func(*Operation) (any, error) { panic("boom") }, CodePanic, "boom"},
		{func(*Operation) (any, error) { return []int{}[len(inner.Code):], nil }, CodePanic, "out of range"},
		{func(*Operation) (any, error) {
			return nil, &Error{Code: "x", Message: "m", Details: map[string]any{"c": make(chan int)}}
		}, "x", "m"},
	}
	for i, test := range tests {
		op := uint64(i + 1)
		h.mustStart(op, test.action)
		done := h.done(op)
		checkDone(t, done, test.code, test.message)
		if stack, _ := done.Error.Details["stack"].(string); test.code == CodePanic && !strings.Contains(stack, "start_test.go") {
			t.Errorf("the stack does not show the place: %q", stack)
		}
	}
	if !strings.Contains(fmt.Sprint(inner.Details), "shop") || len(inner.Details) != 1 {
		t.Errorf("the action's error was changed: %v", inner.Details)
	}
}

func TestGoexitEndsTheOperation(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.mustStart(1, func(*Operation) (any, error) { runtime.Goexit(); return nil, nil })
	checkDone(t, h.done(1), CodePanic, "")
}

func TestCancel(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.mustStart(1, untilCancelled)
	h.Cancel(1)
	h.Cancel(1)
	done := h.done(1)
	checkDone(t, done, CodeCancelled, "waiting: context canceled")
	if done.Error.Details["cause"] != CodeHelm {
		t.Errorf("details %v", done.Error.Details)
	}
	h.mustStart(2, func(o *Operation) (any, error) {
		<-o.Context().Done()
		if !o.Cancelled() {
			t.Error("not cancelled")
		}
		return "done all the same", nil
	})
	h.Cancel(2)
	checkDone(t, h.done(2), CodeCancelled, "the work was already done")
	h.none()
}

func TestFail(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.mustStart(1, func(o *Operation) (any, error) {
		o.Emit(Event{Type: TypePhase, Phase: "waiting"})
		defer o.Witness(func(func(any)) { t.Error("something was heard before it was stopped") })()
		o.Fail("lost", "its lease was lost")
		o.Fail("later", "the first reason counts")
		if !o.Cancelled() || o.Context().Err() == nil || o.Stopped() != "its lease was lost" {
			t.Errorf("goes on: %q", o.Stopped())
		}
		return nil, errors.New("something else because of that")
	})
	done := h.done(1)
	checkDone(t, done, "lost", "stopped in its phase waiting: its lease was lost")
	if done.Error.Details["phase"] != "waiting" {
		t.Errorf("details %v", done.Error.Details)
	}
	h.mustStart(2, func(o *Operation) (any, error) {
		o.Fail("lost", "too late")
		return "done", nil
	})
	if done := h.done(2); done.Error != nil {
		t.Errorf("what was done already ended with %v", done.Error)
	}
}

func TestCancelOvertakesStart(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.Cancel(5)
	never := func(*Operation, string, request) (any, error) {
		t.Error("the action was started")
		return nil, nil
	}
	if answer := start(h, 5, `{}`, never); !strings.Contains(answer, `"code":"cancelled"`) {
		t.Fatal(answer)
	}
	h.mustStart(5, func(*Operation) (any, error) { return nil, nil }) // the mark is forgotten
	h.done(5)

	h.Cancel(6)
	if answer := start(h, 6, `{"port": "x"}`, never); !strings.Contains(answer, CodeInvalidRequest) {
		t.Fatal(answer)
	}
	h.mustStart(6, func(*Operation) (any, error) { return nil, nil })
	if done := h.done(6); done.Error != nil {
		t.Fatal(done.Error)
	}
}

func TestMarksAreBounded(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for op := range uint64(3 * marksLimit) {
		h.Cancel(op + 1)
		h.Cancel(op + 1)
	}
	// Numbers that come and go must not grow the list either.
	for op := uint64(1 << 20); op < 1<<20+3*marksLimit; op++ {
		h.Cancel(op)
		h.forget(op)
	}
	if len(h.marks) > marksLimit || len(h.marked) > marksLimit || cap(h.marked) > 4*marksLimit {
		t.Fatalf("%d marks, %d in the list of capacity %d", len(h.marks), len(h.marked), cap(h.marked))
	}
}

func TestAbandon(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	release := make(chan struct{})
	operation := make(chan *Operation, 1)
	h.mustStart(1, func(o *Operation) (any, error) {
		operation <- o
		return untilReleased(release)(o)
	})
	op := <-operation
	began := time.Now()
	h.Cancel(1)
	done := h.done(1)
	if took := time.Since(began); took < abandonAfter || took > abandonAfter+5*time.Second {
		t.Errorf("abandoned after %v", took)
	}
	checkDone(t, done, CodeCancelled, "still runs")
	if done.Error.Details["abandoned"] != true || !op.Abandoned() || h.Abandoned() != 1 || h.AbandonedOn(h.handle) != 1 || h.AbandonedOn(h.handle+1) != 0 {
		t.Errorf("details %v, abandoned %v, %d", done.Error.Details, op.Abandoned(), h.Abandoned())
	}
	op.Emit(Event{Type: TypePhase, Phase: "late"})
	h.none()
	close(release)
	eventually(t, "the goroutine is counted out", func() bool { return h.Abandoned() == 0 })
	h.none()
}

func TestHoldKeepsFromBeingAbandoned(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.grace = 50 * time.Millisecond
	release := make(chan struct{})
	held := make(chan func(), 2)
	operation := make(chan *Operation, 1)
	h.mustStart(1, func(o *Operation) (any, error) {
		held <- o.Hold()
		operation <- o
		return untilReleased(release)(o)
	})
	first, op := <-held, <-operation
	h.Cancel(1)
	time.Sleep(3 * h.grace)
	second := op.Hold()
	first()
	first() // once is enough
	time.Sleep(3 * h.grace)
	if op.Abandoned() {
		t.Fatal("abandoned while held")
	}
	began := time.Now()
	second()
	checkDone(t, h.done(1), CodeCancelled, "still runs")
	if took := time.Since(began); took < h.grace {
		t.Errorf("abandoned %v after the release", took)
	}
	close(release)
	eventually(t, "the goroutine has ended", func() bool { return h.Abandoned() == 0 })
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	release := make(chan struct{})
	held := make(chan struct{})
	h.mustStart(1, untilCancelled)
	h.mustStart(2, func(o *Operation) (any, error) {
		defer o.Hold()()
		close(held)
		return untilReleased(release)(o)
	})
	<-held
	if left := h.Shutdown(100 * time.Millisecond); left != 1 {
		t.Errorf("%d goroutines left, want 1", left)
	}
	for range 2 {
		checkDone(t, <-h.events, CodeCancelled, "")
	}
	if answer := start(h, 3, `{}`, func(*Operation, string, request) (any, error) { return nil, nil }); !strings.Contains(answer, CodeShuttingDown) {
		t.Fatal(answer)
	}
	if got := string(h.NextEvents()); got != `{"events":[],"shutdown":true}` {
		t.Error(got)
	}
	close(release)
	eventually(t, "the goroutine has ended", func() bool { return h.Shutdown(0) == 0 })
}

func TestShutdownWaitsForWhatIsHeld(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.grace = time.Millisecond
	held := make(chan struct{})
	h.mustStart(1, func(o *Operation) (any, error) {
		defer o.Hold()()
		close(held)
		<-o.Context().Done()
		time.Sleep(100 * time.Millisecond)
		return nil, errors.New("recorded")
	})
	<-held
	if left := h.Shutdown(10 * time.Second); left != 0 {
		t.Errorf("%d goroutines left", left)
	}
	checkDone(t, <-h.events, CodeCancelled, "recorded")
}

func TestDetached(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	op := NewOperation(ctx)
	op.Emit(Event{Type: TypePhase})
	if op.Listening() || op.Cancelled() || op.Number() != 0 || op.Handler().Enabled(ctx, 100) {
		t.Error("a detached operation listens")
	}
	if _, err := op.Call(ctx, "post_render", ""); err == nil {
		t.Error("somebody answered")
	}
	op.Hold()()
	cancel()
	<-op.Context().Done()
	if !op.Cancelled() || op.Abandoned() {
		t.Errorf("cancelled %v, abandoned %v", op.Cancelled(), op.Abandoned())
	}
	var seen []Event
	op = NewObserved(t.Context(), func(event Event) { seen = append(seen, event) })
	op.Emit(Event{Type: TypePhase, Phase: "waiting"})
	if len(seen) != 1 || seen[0].Phase != "waiting" {
		t.Errorf("seen %v", seen)
	}
}

func TestErrorf(t *testing.T) {
	t.Parallel()
	if err := Errorf("c", "no cause"); err.Cause != nil || err.Error() != "no cause" {
		t.Errorf("%#v", err)
	}
	if err := Errorf("c", "a: %w", context.Canceled); !errors.Is(err, context.Canceled) || err.Error() != "a: context canceled" {
		t.Errorf("%#v", err)
	}
	if err := Errorf("c", "%w and %w", context.Canceled, errors.ErrUnsupported); !errors.Is(err, errors.ErrUnsupported) || !errors.Is(err, context.Canceled) {
		t.Errorf("%#v", err)
	}
}

func TestGuardAndRecover(t *testing.T) {
	t.Parallel()
	if err := Guard("fine", func() error { return nil }); err != nil {
		t.Error(err)
	}
	create := func() (err error) {
		defer Recover("Create", &err)
		panic(context.DeadlineExceeded)
	}
	err := create()
	found, ok := errors.AsType[*Error](err)
	if !ok || found.Code != CodePanic || !strings.HasPrefix(found.Message, "Create: panic:") || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%#v", err)
	}
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}
