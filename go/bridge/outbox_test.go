package bridge

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func resource(name, status, action string) Event {
	return Event{Type: TypeResource, Resource: &Resource{APIVersion: "v1", Kind: "Pod", Namespace: "web", Name: name}, Status: status, Action: action}
}

// drain gives what waits, as "status action" of each event, without blocking.
func drain(t *testing.T, o *outbox) (seen []string) {
	t.Helper()
	for o.ready.Len() > 0 {
		events, _ := read(t, o.next())
		for _, event := range events {
			seen = append(seen, strings.TrimSpace(fmt.Sprint(event.Phase, event.Status, " ", event.Action)))
		}
	}
	return seen
}

func TestNewestStateWins(t *testing.T) {
	t.Parallel()
	o, q := newOutbox(), newQueue(1)
	for _, event := range []Event{
		resource("a", "", "created"),
		resource("a", "in_progress", ""),
		{Type: TypePhase, Phase: "waiting"},
		resource("a", "failed", ""),
		resource("a", "ready", ""),
		resource("a", "", "deleted"),
		resource("a", "terminating", ""),
		resource("a", "not_found", ""),
	} {
		o.add(q, event)
	}
	got := drain(t, o)
	want := []string{"created", "ready", "waiting", "deleted", "not_found"}
	if !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	// What was collected is no longer replaced.
	o.add(q, resource("a", "in_progress", ""))
	drain(t, o)
	o.add(q, resource("a", "ready", ""))
	o.add(q, resource("b", "ready", ""))
	if got := drain(t, o); !slices.Equal(got, []string{"ready", "ready"}) || q.dropped != 0 {
		t.Fatalf("got %q, dropped %d", got, q.dropped)
	}
}

func TestOverflowDropsTheOldestAndCounts(t *testing.T) {
	t.Parallel()
	o, q := newOutbox(), newQueue(9)
	o.call(q, encodeCall(9, 1, "post_render", "x"))
	o.add(q, resource("first", "in_progress", ""))
	for i := range queueLimit + 9 {
		o.add(q, Event{Type: TypePhase, Phase: fmt.Sprint(i)})
	}
	o.add(q, resource("first", "ready", "")) // its earlier state is gone, so this is a new event
	o.done(q, "result", []byte(`{"a":1}`))
	o.add(q, Event{Type: TypePhase, Phase: "after done"})
	o.done(q, "result", []byte(`2`))
	var all []wire
	for o.ready.Len() > 0 {
		events, _ := read(t, o.next())
		if len(events) > batchLimit {
			t.Errorf("%d events at once", len(events))
		}
		all = append(all, events...)
	}
	first, last := all[0], all[len(all)-1]
	if first.Type != "call" || first.Call != 1 || last.Type != "done" || string(last.Result) != `{"a":1}` {
		t.Fatalf("first %+v, last %+v", first, last)
	}
	if sent := 1 + queueLimit + 9 + 1; len(all) != queueLimit+1 || last.Dropped != sent-(queueLimit-1) {
		t.Fatalf("%d events, dropped %d of %d", len(all), last.Dropped, sent)
	}
	if all[len(all)-2].Status != "ready" || all[1].Phase == "0" {
		t.Fatalf("the newest is %+v, the oldest %+v", all[len(all)-2], all[1])
	}
}

func TestOperationsTakeTurns(t *testing.T) {
	t.Parallel()
	o := newOutbox()
	queues := []*queue{newQueue(1), newQueue(2), newQueue(3)}
	for range queueLimit {
		o.add(queues[0], Event{Type: TypePhase, Phase: "flood"})
	}
	o.add(queues[1], Event{Type: TypePhase, Phase: "one"})
	o.done(queues[2], "result", []byte(`null`))
	events, _ := read(t, o.next())
	var ops []uint64
	for _, event := range events[:4] {
		ops = append(ops, event.Op)
	}
	if !slices.Equal(ops, []uint64{1, 2, 3, 1}) || len(events) != batchLimit {
		t.Fatalf("served %v, %d events", ops, len(events))
	}
}

func TestABigResultGoesAlone(t *testing.T) {
	t.Parallel()
	o := newOutbox()
	small, big := newQueue(1), newQueue(2)
	o.add(small, Event{Type: TypePhase})
	o.done(big, "result", []byte(`"`+strings.Repeat("x", 4*batchBytes)+`"`))
	o.add(small, Event{Type: TypePhase})
	var sizes []int
	for o.ready.Len() > 0 {
		events, _ := read(t, o.next())
		sizes = append(sizes, len(events))
		if len(events) > 1 && slices.ContainsFunc(events, func(e wire) bool { return e.Op == 2 }) {
			t.Error("the big result had company")
		}
	}
	if !slices.Equal(sizes, []int{1, 1, 1}) {
		t.Fatalf("batches of %v", sizes)
	}
}

func TestNextBlocksUntilSomethingIsThere(t *testing.T) {
	t.Parallel()
	o := newOutbox()
	got := make(chan []byte)
	go func() { got <- o.next() }()
	select {
	case text := <-got:
		t.Fatalf("gave %s", text)
	case <-time.After(30 * time.Millisecond):
	}
	o.add(newQueue(1), Event{Type: TypePhase})
	<-got
	go func() { got <- o.next() }()
	o.close()
	if text := string(<-got); text != `{"events":[],"shutdown":true}` {
		t.Fatal(text)
	}
}

func TestWireForm(t *testing.T) {
	t.Parallel()
	o, q := newOutbox(), newQueue(4)
	at := time.Date(2026, 11, 24, 6, 12, 33, 120_999_999, time.FixedZone("", 3600))
	event := resource("<shop>", "", "created")
	event.Time, event.Release, event.Namespace = at, "shop", "web"
	o.add(q, event)
	want := `{"events":[{"op":4,"time":"2026-11-24T05:12:33.120Z","type":"resource","release":"shop","namespace":"web",` +
		`"resource":{"api_version":"v1","kind":"Pod","namespace":"web","name":"<shop>"},"action":"created"}]}`
	if got := string(o.next()); got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
	o.add(q, Event{Type: TypeLog, Fields: map[string]any{"bad": make(chan int)}})
	if got := string(o.next()); !strings.Contains(got, "fields_error") || !regexp.MustCompile(`"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"`).MatchString(got) {
		t.Fatal(got)
	}
}

func TestOutboxConcurrently(t *testing.T) {
	t.Parallel()
	o := newOutbox()
	const operations, each = 16, 500
	var senders sync.WaitGroup
	for number := range operations {
		senders.Go(func() {
			q := newQueue(uint64(number + 1))
			for i := range each {
				o.add(q, resource(fmt.Sprint(i%7), "ready", []string{"", "created"}[i%2]))
			}
			o.done(q, "result", json.RawMessage(`1`))
		})
	}
	finished := map[uint64]bool{}
	var collectors sync.WaitGroup
	var mu sync.Mutex
	for range 3 {
		collectors.Go(func() {
			for {
				events, last := read(t, o.next())
				mu.Lock()
				for _, event := range events {
					if event.Type == "done" {
						finished[event.Op] = true
					}
				}
				mu.Unlock()
				if last {
					return
				}
			}
		})
	}
	senders.Wait()
	o.close()
	collectors.Wait()
	if len(finished) != operations {
		t.Fatalf("%d operations were done", len(finished))
	}
}

func TestLogs(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	var broken *Error
	h.mustStart(1, func(o *Operation) (any, error) {
		log := slog.New(o.Handler()).With("release", "shop").WithGroup("helm")
		log.Debug("too fine")
		log.Warn("careful", "n", 3, "err", fmt.Errorf("no"), slog.Group("g", "d", time.Second), "nil", broken, "f", 0.5)
		o.Emit(Event{Type: TypeLog, Level: "debug", Message: "too fine"})
		o.Emit(Event{Type: TypeLog, Level: "error", Message: "emitted"})
		return nil, nil
	})
	first, second := <-h.events, <-h.events
	fields, _ := json.Marshal(first.Fields)
	if first.Op != 1 || first.Level != "warning" || first.Message != "careful" ||
		string(fields) != `{"helm":{"err":"no","f":0.5,"g":{"d":"1s"},"n":3,"nil":"\u003cnil\u003e"},"release":"shop"}` {
		t.Errorf("%+v with %s", first, fields)
	}
	if second.Message != "emitted" || second.Level != "error" {
		t.Errorf("%+v", second)
	}
	h.done(1)

	nobody := slog.New(h.Logs())
	nobody.Debug("too fine")
	nobody.Info("from klog", "size", strings.Repeat("x", textLimit+5))
	event := <-h.events
	if size, _ := event.Fields["size"].(string); event.Op != 0 || event.Message != "from klog" || event.Level != "info" || !strings.HasSuffix(size, "… (5 bytes more)") {
		t.Errorf("%+v", event)
	}
	h.none()
}

func TestLogsOfNobodyAreBounded(t *testing.T) {
	t.Parallel()
	r := NewRuntime()
	log := slog.New(r.Logs())
	for i := range queueLimit + 5 {
		log.Info("flood", "i", i)
	}
	events, _ := read(t, r.NextEvents())
	if first := events[0]; first.Op != 0 || first.Level != "warning" || first.Message != "5 log messages were dropped" {
		t.Errorf("%+v", first)
	}
	if second := events[1]; second.Fields["i"] != 5.0 {
		t.Errorf("%+v", second)
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	Start(h.Runtime, h.handles, h.handle, 1, []byte(`{}`), func(o *Operation, _ string, _ struct{}) (any, error) {
		o.Emit(Event{Type: TypePhase})
		o.Emit(Event{Type: TypeLog, Level: "error"})
		slog.New(o.Handler()).Error("to nobody")
		return nil, nil
	})
	if event := <-h.events; event.Type != "done" || string(event.Result) != "null" {
		t.Errorf("%+v", event)
	}
}
