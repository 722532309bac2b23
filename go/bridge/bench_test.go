package bridge

import (
	"bytes"
	"fmt"
	"testing"
)

// BenchmarkOperation is what the bridge costs an operation: decoding, a goroutine, the table, done and its encoding.
func BenchmarkOperation(b *testing.B) {
	r, handles := NewRuntime(), NewHandles[string]()
	handle := handles.Add("configuration")
	text := []byte(`{"listen": true, "log_level": "info", "arguments": {"name": "shop", "port": 80}}`)
	action := func(*Operation, string, request) (map[string]any, error) { return map[string]any{"name": "shop"}, nil }
	b.ReportAllocs()
	for i := range b.N {
		if answer := Start(r, handles, handle, uint64(i+1), text, action); string(answer) != "{}" {
			b.Fatal(string(answer))
		}
		if got := r.NextEvents(); !bytes.Contains(got, []byte(`"done"`)) {
			b.Fatal(string(got))
		}
	}
}

// BenchmarkEvents is an event's way from Emit to the text that Python reads.
func BenchmarkEvents(b *testing.B) {
	o, q := newOutbox(), newQueue(1)
	events := make([]Event, batchLimit)
	for i := range events {
		events[i] = resource(fmt.Sprint(i), "", "created")
	}
	b.ReportAllocs()
	for range b.N {
		for _, event := range events {
			o.add(q, event)
		}
		o.next()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batchLimit), "ns/event")
}

// BenchmarkDecodeValues reads values of some 130 KB.
func BenchmarkDecodeValues(b *testing.B) {
	var text bytes.Buffer
	text.WriteString(`{"none": null`)
	for i := range 2000 {
		fmt.Fprintf(&text, `, "key%d": {"port": %d, "name": "n", "list": [1, 2.5, true]}`, i, i)
	}
	text.WriteString(`}`)
	b.SetBytes(int64(text.Len()))
	for range b.N {
		if _, err := DecodeValues(text.Bytes()); err != nil {
			b.Fatal(err)
		}
	}
}
