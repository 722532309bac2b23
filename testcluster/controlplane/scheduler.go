package controlplane

import (
	"context"
	"fmt"

	"k8s.io/kubernetes/cmd/kube-scheduler/app"
	"k8s.io/kubernetes/cmd/kube-scheduler/app/options"
)

func schedulerOptions(kubeconfig string) (*options.Options, error) {
	run := options.NewOptions()
	err := parse(*run.Flags, map[string]string{
		"kubeconfig":     kubeconfig,
		"secure-port":    "0",
		"leader-elect":   "false",
		"kube-api-qps":   "2000",
		"kube-api-burst": "4000",
	})
	if err != nil {
		return nil, fmt.Errorf("options of the scheduler: %w", err)
	}
	return run, nil
}

func startScheduler(ctx context.Context, run *options.Options, failed func(string, error)) error {
	config, scheduler, err := app.Setup(ctx, run)
	if err != nil {
		return fmt.Errorf("set up the scheduler: %w", err)
	}
	go func() { failed("scheduler", ended(app.Run(ctx, config, scheduler))) }()
	return nil
}
