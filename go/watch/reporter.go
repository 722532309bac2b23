package watch

import (
	"sync"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// The phases that only the client can know of, beside those of hooks, which are named as Helm names their events.
const (
	phaseCRDs   = "crds"
	phaseApply  = "applying"
	phaseWait   = "waiting"
	phaseDelete = "deleting"
)

// What hook events say in their status.
const (
	hookStarted   = "started"
	hookSucceeded = "succeeded"
	hookFailed    = "failed"
)

// reporter makes the events of one operation.
type reporter struct {
	op                 *bridge.Operation
	release, namespace string

	mu    sync.Mutex
	phase string
}

func (r *reporter) listening() bool { return r.op.Listening() }

func (r *reporter) emit(event bridge.Event) {
	event.Release, event.Namespace = r.release, r.namespace
	r.op.Emit(event)
}

// enter tells the phase also where nobody listens: an operation that is stopped says where that was.
func (r *reporter) enter(phase string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if phase == r.phase {
		return
	}
	r.phase = phase
	r.emit(bridge.Event{Type: bridge.TypePhase, Phase: phase})
}

func (r *reporter) action(named bridge.Resource, action string) {
	r.emit(bridge.Event{Type: bridge.TypeResource, Resource: &named, Action: action})
}

func (r *reporter) status(named bridge.Resource, status, message string) {
	r.emit(bridge.Event{Type: bridge.TypeResource, Resource: &named, Status: status, Message: message})
}

func (r *reporter) hook(named bridge.Resource, phase, status, message string) {
	r.emit(bridge.Event{Type: bridge.TypeHook, Resource: &named, Phase: phase, Status: status, Message: message})
}
