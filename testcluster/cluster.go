package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/helm-sdkpy/helm-sdkpy/testcluster/certificates"
	"github.com/helm-sdkpy/helm-sdkpy/testcluster/controlplane"
	"github.com/helm-sdkpy/helm-sdkpy/testcluster/endpoints"
	"github.com/helm-sdkpy/helm-sdkpy/testcluster/network"
	"github.com/helm-sdkpy/helm-sdkpy/testcluster/node"
	"github.com/helm-sdkpy/helm-sdkpy/testcluster/registry"
	"github.com/helm-sdkpy/helm-sdkpy/testcluster/repository"
	"github.com/helm-sdkpy/helm-sdkpy/testcluster/state"
)

// cluster is all parts together.
type cluster struct {
	began time.Time
	stop  context.CancelCauseFunc
	// kept says that whoever started this process removes the directory, and may want to read the logs first.
	kept       bool
	watchCache bool
	// features are feature gates as Kubernetes' own flag takes them.
	features string

	mu      sync.Mutex
	part    string
	timings map[string]float64

	directory *state.Directory
	authority *certificates.Authority
	plane     *controlplane.ControlPlane

	credentials endpoints.Credentials
	registry    registry.Addresses
	repository  repository.Addresses
}

// logOf names the log in which a part writes: Kubernetes' programs share one logger and so one file.
var logOf = map[string]string{"apiserver": "kubernetes", "controllers": "kubernetes", "scheduler": "kubernetes"}

// start brings up all parts, one after the other where one needs the other.
func (c *cluster) start(ctx context.Context, directory string) error {
	var err error
	c.begin("state")
	if c.directory, err = state.Open(directory); err != nil {
		return err
	}
	c.begin("certificates")
	if c.authority, err = certificates.NewAuthority(c.directory.Path("certificates")); err != nil {
		return err
	}
	kubelet, err := c.authority.Client("kubelet-client", "kube-apiserver-kubelet-client", "system:masters")
	if err != nil {
		return err
	}
	egress := c.directory.Path("egress.sock")
	proxy, err := network.Listen(ctx, egress, c.authority)
	if err != nil {
		return err
	}
	c.credentials = endpoints.NewCredentials()
	c.begin("registry")
	if c.registry, err = registry.Start(ctx, c.directory, c.authority, c.credentials); err != nil {
		return err
	}
	c.begin("repository")
	if c.repository, err = repository.Start(ctx, c.directory.Path("charts"), c.authority, c.credentials); err != nil {
		return err
	}
	c.plane, err = controlplane.Start(ctx, controlplane.Settings{
		Directory:    c.directory,
		Authority:    c.authority,
		WatchCache:   c.watchCache,
		Features:     c.features,
		EgressSocket: egress,
		Kubelet:      kubelet,
		Began:        c.begin,
		Failed: func(part string, err error) {
			if ctx.Err() == nil {
				c.begin(part)
				c.stop(fmt.Errorf("%w: %s: %w", errPartFailed, part, err))
			}
		},
	})
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(c.plane.Config)
	if err != nil {
		return fmt.Errorf("client of the network: %w", err)
	}
	proxy.Look(client)
	c.begin("node")
	if err := node.Start(ctx, c.plane.Config, c.directory, c.authority); err != nil {
		return err
	}
	c.begin("")
	return nil
}

// begin notes that a part begins to start, and with that how long the one before took.
func (c *cluster) begin(part string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Since(c.began).Seconds()
	var sum float64
	for _, seconds := range c.timings {
		sum += seconds
	}
	if c.part != "" {
		c.timings[c.part] = now - sum
	}
	c.part = part
}

// description says where everything is: the line that a cluster prints when it is ready.
func (c *cluster) description() map[string]any {
	c.mu.Lock()
	timings := maps.Clone(c.timings)
	c.mu.Unlock()
	timings["ready"] = time.Since(c.began).Seconds()
	return map[string]any{
		"pid":                os.Getpid(),
		"directory":          c.directory.Path(),
		"server":             c.plane.Server,
		"kubeconfig":         c.plane.Kubeconfig,
		"ca_file":            c.authority.File,
		"client_certificate": c.plane.Admin.CertificateFile,
		"client_key":         c.plane.Admin.KeyFile,
		"username":           c.credentials.Username,
		"password":           c.credentials.Password,
		"registry":           c.registry,
		"repository":         c.repository,
		"charts":             c.directory.Path("charts"),
		"watch_cache":        c.watchCache,
		"timings":            timings,
	}
}

// failure says which part did not start, why, and what it wrote last.
func (c *cluster) failure(err error) map[string]any {
	c.mu.Lock()
	part := c.part
	c.mu.Unlock()
	failed := map[string]any{"part": part, "message": err.Error(), "log": []string{}}
	if c.directory != nil {
		log := part
		if shared, ok := logOf[part]; ok {
			log = shared
		}
		if lines := c.directory.Tail(log, tailLines); lines != nil {
			failed["log"] = lines
		}
	}
	return failed
}

// remove deletes the state directory. Nothing is shut down in order: the process ends, and nothing is worth keeping.
func (c *cluster) remove() error {
	if c.directory == nil {
		return nil
	}
	return c.directory.Remove()
}
