package watch

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// lineLimit bounds a line of a hook's log; the rest of the line is counted and left out.
const lineLimit = 4 << 10

// HookOutput makes what the containers of hooks write (annotation helm.sh/hook-output-log-policy) into events, a line
// each: hook events with pod and container in their fields, or log events where nobody listens.
func HookOutput(op *bridge.Operation, release, namespace string) func(namespace, pod, container string) io.Writer {
	report := &reporter{op: op, release: release, namespace: namespace}
	return func(namespace, pod, container string) io.Writer {
		return &lineWriter{emit: func(line string) {
			event := bridge.Event{
				Type:     bridge.TypeHook,
				Resource: &bridge.Resource{APIVersion: "v1", Kind: "Pod", Namespace: namespace, Name: pod},
				Message:  line,
				Fields:   map[string]any{"pod": pod, "container": container},
			}
			if !report.listening() {
				event.Type, event.Level = bridge.TypeLog, "info"
			}
			report.emit(event)
		}}
	}
}

// lineWriter cuts what is written into lines.
type lineWriter struct {
	emit func(string)

	mu      sync.Mutex
	line    []byte
	left    int // bytes of the line that were left out
	started bool
}

// Write implements io.Writer; it never fails.
func (w *lineWriter) Write(text []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	written := len(text)
	for {
		before, after, found := bytes.Cut(text, []byte("\n"))
		w.add(before)
		if !found {
			return written, nil
		}
		w.end()
		text = after
	}
}

// Close gives out a last line that has no end.
func (w *lineWriter) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.started {
		w.end()
	}
	return nil
}

func (w *lineWriter) add(part []byte) {
	w.started = w.started || len(part) > 0
	fits := min(len(part), lineLimit-len(w.line))
	w.line = append(w.line, part[:fits]...)
	w.left += len(part) - fits
}

func (w *lineWriter) end() {
	line := string(bytes.ToValidUTF8(bytes.TrimSuffix(w.line, []byte("\r")), []byte("\uFFFD")))
	if w.left > 0 {
		line += fmt.Sprintf("… (%d bytes more)", w.left)
	}
	w.line, w.left, w.started = w.line[:0], 0, false
	w.emit(line)
}
