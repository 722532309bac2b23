package main

import (
	"log/slog"

	"github.com/go-logr/logr"
	"helm.sh/helm/v4/pkg/kube"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // credential plugins register themselves, as in helm: cmd/helm/helm.go
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	controllerlog "sigs.k8s.io/controller-runtime/pkg/log"
)

// settle makes the settings that Go's packages have once a process. It is called once, while the library loads, so that
// nothing is ever printed to the host program's terminal and no operation changes what another one sees.
func settle(logs slog.Handler) {
	logger := slog.New(logs)
	slog.SetDefault(logger) // it takes the standard log along: helm: pkg/action/hooks.go, pkg/chart/common/util/coalesce.go
	klog.SetSlogLogger(logger)
	// Without a logger it prints a complaint to stderr half a minute after the start; Helm's waiters use the package.
	controllerlog.SetLogger(logr.FromSlogHandler(logs))
	// Warnings are events of the operation whose request they answer (package watch).
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	kube.ManagedFieldsManager = "helm" // helm: cmd/helm/helm.go
}
