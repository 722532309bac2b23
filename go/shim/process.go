package main

import (
	"context"
	"log/slog"

	"github.com/go-logr/logr"
	"helm.sh/helm/v4/pkg/kube"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // credential plugins register themselves, as in helm: cmd/helm/helm.go
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	controllerlog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/helm-sdkpy/helm-sdkpy/go/child"
)

// settle makes the settings that Go's packages have once a process. It is called once, while the library loads, so that
// nothing is ever printed to the host program's terminal and no operation changes what another one sees.
func settle(logs slog.Handler) {
	logger := slog.New(logs)
	slog.SetDefault(logger) // it takes the standard log along: helm: pkg/action/hooks.go, pkg/chart/common/util/coalesce.go
	klog.SetSlogLogger(slog.New(aside{logs}))
	// Without a logger it prints a complaint to stderr half a minute after the start; Helm's waiters use the package.
	controllerlog.SetLogger(logr.FromSlogHandler(aside{logs}))
	// Warnings are events of the operation whose request they answer (package watch).
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	kube.ManagedFieldsManager = "helm" // helm: cmd/helm/helm.go
	child.HelmCommand = program
}

// aside makes debug logs of whatever it is given. What client-go logs it also returns to who called it, and it calls an
// error what is none here: a watch that is cut off when its wait is over (client-go: rest/request.go).
type aside struct{ slog.Handler }

// Enabled implements slog.Handler. What is less than a debug log is none: from verbosity 8 on client-go tells the bodies
// of requests, the values of Secrets among them (client-go: rest/request.go).
func (a aside) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelDebug && a.Handler.Enabled(ctx, slog.LevelDebug)
}

// Handle implements slog.Handler.
func (a aside) Handle(ctx context.Context, record slog.Record) error {
	record.Level = min(record.Level, slog.LevelDebug)
	return a.Handler.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (a aside) WithAttrs(attrs []slog.Attr) slog.Handler { return aside{a.Handler.WithAttrs(attrs)} }

// WithGroup implements slog.Handler.
func (a aside) WithGroup(name string) slog.Handler { return aside{a.Handler.WithGroup(name)} }
