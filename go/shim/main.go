package main

import (
	_ "helm.sh/helm/v4/pkg/cmd"
	_ "helm.sh/helm/v4/pkg/action"
	_ "github.com/fluxcd/cli-utils/pkg/kstatus/watcher"
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	_ "go.uber.org/goleak"
)

func main() {}
