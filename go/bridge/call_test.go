package bridge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

func (h *harness) reply(op uint64, text string) error { return h.Reply(op, []byte(text)) }

func TestCallsConcurrently(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.mustStart(1, func(o *Operation) (any, error) {
		var calls sync.WaitGroup
		for i := range 20 {
			calls.Go(func() {
				if got, err := o.Call(o.Context(), "post_render", fmt.Sprint(i)); err != nil || got != fmt.Sprint("<", i, ">") {
					t.Errorf("Call(%d) = %q, %v", i, got, err)
				}
			})
		}
		calls.Wait()
		return "rendered", nil
	})
	for range 20 {
		event := <-h.events
		if event.Type != "call" || event.Method != "post_render" {
			t.Fatalf("%+v", event)
		}
		go func() {
			if err := h.reply(1, fmt.Sprintf(`{"call": %d, "result": "<%s>"}`, event.Call, event.Argument)); err != nil {
				t.Error(err)
			}
		}()
	}
	if done := h.done(1); string(done.Result) != `"rendered"` {
		t.Fatalf("%+v", done)
	}
}

func TestCallFails(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.mustStart(1, func(o *Operation) (any, error) {
		_, err := o.Call(o.Context(), "post_render", "")
		return nil, err
	})
	call := <-h.events
	for text, want := range map[string]string{
		`{"call": 99, "result": ""}`:             CodeUnknownCall,
		`{"call": 1}`:                            CodeInvalidRequest,
		`{"call": 1, "result": "", "error": ""}`: CodeInvalidRequest,
		`{"call": 1, "result": 5}`:               CodeInvalidRequest,
		`garbage`:                                CodeInvalidRequest,
	} {
		if found, ok := errors.AsType[*Error](h.reply(1, text)); !ok || found.Code != want {
			t.Errorf("%s: %v, want %s", text, found, want)
		}
	}
	if found, _ := errors.AsType[*Error](h.reply(2, `{"call": 1, "result": ""}`)); found == nil || found.Code != CodeUnknownCall {
		t.Errorf("an operation that does not run took an answer: %v", found)
	}
	if err := h.reply(1, fmt.Sprintf(`{"call": %d, "error": "ValueError: no"}`, call.Call)); err != nil {
		t.Fatal(err)
	}
	checkDone(t, h.done(1), CodeCallable, "post_render: ValueError: no")
	if err := h.reply(1, fmt.Sprintf(`{"call": %d, "result": ""}`, call.Call)); err == nil {
		t.Error("a call took two answers")
	}
}

func TestCallIsCancelled(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.mustStart(1, func(o *Operation) (any, error) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := o.Call(ctx, "post_render", ""); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		_, err := o.Call(t.Context(), "post_render", strings.Repeat("x", alone))
		return nil, err
	})
	for call := range uint64(2) {
		if event := <-h.events; event.Call != call+1 {
			t.Fatalf("%+v", event)
		}
	}
	h.Cancel(1)
	checkDone(t, h.done(1), CodeCancelled, "post_render: context canceled")
	if err := h.reply(1, `{"call": 2, "result": "late"}`); err == nil {
		t.Error("a cancelled call took an answer")
	}
}
