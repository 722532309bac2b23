package watch

import (
	"bytes"
	"context"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"helm.sh/helm/v4/pkg/kube"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

func TestMain(m *testing.M) {
	kube.ManagedFieldsManager = "helm"
	status := m.Run()
	if status == 0 {
		if err := goleak.Find(); err != nil {
			_, _ = os.Stderr.WriteString(err.Error() + "\n")
			status = 1
		}
	}
	os.Exit(status)
}

// events collects what an operation emits.
type events struct {
	mu   sync.Mutex
	list []bridge.Event
}

func (e *events) add(event bridge.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, event)
}

func (e *events) all() []bridge.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.list)
}

func (e *events) reset() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = nil
}

// brief is the part of an event that the tests compare.
type brief struct{ Type, Object, What, Message string }

func (e *events) brief(types ...string) []brief {
	var found []brief
	for _, event := range e.all() {
		if !slices.Contains(types, event.Type) {
			continue
		}
		b := brief{Type: event.Type, Message: event.Message, What: event.Action + event.Status}
		if event.Type == bridge.TypePhase {
			b.What = event.Phase
		}
		if event.Resource != nil {
			b.Object = label(*event.Resource)
		}
		found = append(found, b)
	}
	return found
}

// actions are the resource events with an action, as "Kind namespace/name action", sorted.
func (e *events) actions() []string {
	var found []string
	for _, event := range e.all() {
		if event.Action != "" {
			found = append(found, label(*event.Resource)+" "+event.Action)
		}
	}
	slices.Sort(found)
	return found
}

func (e *events) phases() []string {
	var found []string
	for _, event := range e.all() {
		if event.Type == bridge.TypePhase {
			found = append(found, event.Phase)
		}
	}
	return found
}

// listened is an operation to whose events somebody listens; cancel ends its context.
func listened(t *testing.T) (op *bridge.Operation, heard *events, cancel context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	heard = &events{}
	return bridge.NewObserved(ctx, heard.add), heard, cancel
}

// unheard runs an operation to whose events nobody listens, but whose log is read; it gives all that came of it.
func unheard(t *testing.T, level string, run func(*bridge.Operation)) string {
	t.Helper()
	runtime, handles := bridge.NewRuntime(), bridge.NewHandles[string]()
	request := []byte(`{"listen": false, "log_level": "` + level + `"}`)
	answer := bridge.Start(runtime, handles, handles.Add(""), 1, request, func(op *bridge.Operation, _ string, _ struct{}) (any, error) {
		run(op)
		return nil, nil
	})
	if string(answer) != "{}" {
		t.Fatalf("%s", answer)
	}
	var text []byte
	for !bytes.Contains(text, []byte(`"type":"done"`)) {
		text = append(text, runtime.NextEvents()...)
	}
	runtime.Shutdown(time.Second)
	return string(text)
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("not within ten seconds: %s", what)
}
