package bridge

import (
	"container/list"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	queueLimit = 1024      // events that wait for one operation
	batchLimit = 256       // events in one answer of NextEvents
	batchBytes = 256 << 10 // and their size
	alone      = 64 << 10  // a result or an argument from this size on has an answer to itself
)

// outbox holds the events of all operations until Python collects them.
type outbox struct {
	mu     sync.Mutex
	wake   *sync.Cond
	ready  list.List // of *queue: those that hold something, the next to be served first
	closed bool
}

// queue is one operation's part of the outbox. The outbox's lock guards it.
//
// An event with an action (created, configured, deleted) is something that happened and is never replaced. One with a
// status alone is a state: the newest takes the place of an earlier one of the same resource that still waits, unless
// something happened to the resource in between. What overflows is counted, and the count is in the operation's done.
type queue struct {
	number  uint64
	entries list.List // of *entry
	states  map[Resource]*list.Element
	dropped int
	closed  bool
	queued  bool
}

// entry is an event, or, where text is set, something encoded already that is never dropped: a call, or done.
type entry struct {
	event Event
	key   string // of done: "result" or "error"
	text  []byte
}

func newOutbox() *outbox {
	o := &outbox{}
	o.wake = sync.NewCond(&o.mu)
	return o
}

func newQueue(number uint64) *queue {
	return &queue{number: number, states: map[Resource]*list.Element{}}
}

// add queues an event; it never blocks on more than the lock.
func (o *outbox) add(q *queue, event Event) {
	if event.Time.IsZero() {
		event.Time = time.Now()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if q.closed || o.closed {
		return
	}
	if q.replace(event) {
		return
	}
	if q.entries.Len() >= queueLimit {
		q.dropOldest()
	}
	element := q.entries.PushBack(&entry{event: event})
	if isState(event) {
		q.states[*event.Resource] = element
	}
	o.serve(q)
}

// call queues a question to Python, which is never dropped: somebody waits for its answer.
func (o *outbox) call(q *queue, text []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if q.closed || o.closed {
		return
	}
	q.entries.PushBack(&entry{text: text})
	o.serve(q)
}

// done queues the last event; what comes after it is ignored.
func (o *outbox) done(q *queue, key string, value []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if q.closed || o.closed {
		return
	}
	q.closed = true
	q.entries.PushBack(&entry{key: key, text: value})
	o.serve(q)
}

// close lets next drain what is there and then end.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.wake.Broadcast()
}

func (o *outbox) serve(q *queue) {
	if !q.queued {
		q.queued = true
		o.ready.PushBack(q)
		o.wake.Signal()
	}
}

// next blocks until something is there and gives a batch of it, one event an operation in turn.
func (o *outbox) next() []byte {
	batch := []byte(`{"events":[`)
	count := 0
	for {
		q, e, last := o.take(count == 0)
		if e == nil {
			if last {
				return append(batch, `],"shutdown":true}`...)
			}
			return append(batch, `]}`...)
		}
		if count > 0 {
			batch = append(batch, ',')
		}
		batch = append(batch, q.encode(e)...)
		count++
		if count == batchLimit || len(batch) >= batchBytes || len(e.text) >= alone {
			return append(batch, `]}`...)
		}
	}
}

// take removes the next entry. Without one, last says whether there will never be another.
func (o *outbox) take(wait bool) (q *queue, e *entry, last bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for wait && o.ready.Len() == 0 && !o.closed {
		o.wake.Wait()
	}
	front := o.ready.Front()
	if front == nil {
		return nil, nil, o.closed
	}
	q = front.Value.(*queue)
	if q.number == 0 && q.dropped > 0 {
		// Nobody's log has no done that could say it.
		notice := Event{Type: TypeLog, Level: levelName(slog.LevelWarn), Time: time.Now(), Message: fmt.Sprintf("%d log messages were dropped", q.dropped)}
		q.dropped = 0
		return q, &entry{event: notice}, false
	}
	first := q.entries.Front()
	e = first.Value.(*entry)
	if !wait && len(e.text) >= alone {
		return nil, nil, false
	}
	q.remove(first)
	if q.entries.Len() > 0 {
		o.ready.MoveToBack(front)
	} else {
		o.ready.Remove(front)
		q.queued = false
	}
	return q, e, false
}

func (q *queue) encode(e *entry) []byte {
	switch {
	case e.key != "":
		return encodeDone(q.number, e.key, e.text, q.dropped) // closed: dropped does not change any more
	case e.text != nil:
		return e.text
	default:
		return encodeEvent(q.number, e.event)
	}
}

func isState(event Event) bool {
	return event.Type == TypeResource && event.Resource != nil && event.Status != "" && event.Action == ""
}

func (q *queue) replace(event Event) bool {
	if event.Resource == nil {
		return false
	}
	if !isState(event) {
		delete(q.states, *event.Resource)
		return false
	}
	element, waiting := q.states[*event.Resource]
	if waiting {
		element.Value.(*entry).event = event
	}
	return waiting
}

func (q *queue) dropOldest() {
	for element := q.entries.Front(); element != nil; element = element.Next() {
		if element.Value.(*entry).text == nil {
			q.remove(element)
			q.dropped++
			return
		}
	}
}

func (q *queue) remove(element *list.Element) {
	e := q.entries.Remove(element).(*entry)
	if e.event.Resource != nil && q.states[*e.event.Resource] == element {
		delete(q.states, *e.event.Resource)
	}
}
