package controlplane

import (
	"context"
	"fmt"

	"k8s.io/kubernetes/cmd/kube-controller-manager/app"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app/options"
)

func controllersOptions(settings Settings, kubeconfig string) (*options.KubeControllerManagerOptions, error) {
	run, err := options.NewKubeControllerManagerOptions()
	if err != nil {
		return nil, fmt.Errorf("options of the controllers: %w", err)
	}
	sets := run.Flags(app.KnownControllers(), app.ControllersDisabledByDefault(), app.ControllerAliases())
	run.ParsedFlags = &sets
	err = parse(sets, map[string]string{
		"kubeconfig":                       kubeconfig,
		"secure-port":                      "0",
		"leader-elect":                     "false",
		"kube-api-qps":                     "2000",
		"kube-api-burst":                   "4000",
		"controllers":                      "*",
		"root-ca-file":                     settings.Authority.File,
		"service-account-private-key-file": settings.Directory.Path("certificates", "serviceaccounts.key"),
		"use-service-account-credentials":  "false",
		// The binder tries a claim again only then when another controller wrote it at the same time; by default 15 s.
		"pvclaimbinder-sync-period": "1s",
	})
	if err != nil {
		return nil, fmt.Errorf("options of the controllers: %w", err)
	}
	return run, nil
}

func startControllers(ctx context.Context, run *options.KubeControllerManagerOptions, failed func(string, error)) error {
	config, err := run.Config(ctx, app.KnownControllers(), app.ControllersDisabledByDefault(), app.ControllerAliases())
	if err != nil {
		return fmt.Errorf("options of the controllers: %w", err)
	}
	go func() { failed("controllers", ended(app.Run(ctx, config.Complete()))) }()
	return nil
}
