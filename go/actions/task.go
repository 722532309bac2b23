package actions

import (
	"log/slog"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// task is what an operation works with that needs no cluster: charts, repositories and registries need no more. An
// operation on a release has a scope around it.
type task struct {
	op     *bridge.Operation
	config *session.Configuration
	verb   string // the command's own words
	log    *slog.Logger
	enter  func(phase string)
	loaded *loaded // the chart, where it was loaded before: what is done with it is done with the very same
}

// begin makes the task of an operation.
func begin(op *bridge.Operation, config *session.Configuration, verb string) *task {
	return &task{
		op: op, config: config, verb: verb, log: slog.New(op.Handler()),
		enter: func(phase string) { op.Emit(bridge.Event{Type: bridge.TypePhase, Phase: phase}) },
	}
}

// phase tells the listener what the operation is doing.
func (t *task) phase(name string) { t.enter(name) }
