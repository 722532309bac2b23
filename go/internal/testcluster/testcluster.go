// Package testcluster gives Go tests the project's test cluster: a real Kubernetes control plane.
package testcluster

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"
)

// patience bounds how long a cluster takes to start on a busy machine.
const patience = 90 * time.Second

// Cluster is a running control plane.
type Cluster struct {
	// Kubeconfig is the path of its kubeconfig.
	Kubeconfig string
	// Description is everything that the cluster says of itself.
	Description map[string]any

	command *exec.Cmd
	input   io.Closer
}

// shared is the one cluster of a test process: it takes seconds to start and some 400 MB.
var shared = sync.OnceValues(func() (*Cluster, error) { return start() })

// Shared gives the cluster that all tests of the process use; it ends with the process. The test is skipped where the
// cluster was not built.
func Shared(t testing.TB) *Cluster {
	t.Helper()
	return ready(t, shared)
}

// Start gives a cluster of the test's own, which ends with the test.
func Start(t testing.TB) *Cluster {
	t.Helper()
	cluster := ready(t, start)
	t.Cleanup(cluster.stop)
	return cluster
}

func ready(t testing.TB, begin func() (*Cluster, error)) *Cluster {
	t.Helper()
	cluster, err := begin()
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("no test cluster: %v; build it with ./scripts/dev build-cluster", err)
	}
	if err != nil {
		t.Fatalf("starting the test cluster: %v", err)
	}
	return cluster
}

// binary finds the cluster's binary in the checkout that the test runs in.
func binary() (string, error) {
	machine := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	directory, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		distribution := filepath.Join(directory, "testing", "helm_sdkpy_testing")
		if _, err := os.Stat(distribution); err == nil {
			path := filepath.Join(distribution, "_bin", runtime.GOOS+"-"+machine, "testcluster")
			_, err := os.Stat(path)
			return path, err
		}
		parent := filepath.Dir(directory)
		if parent == directory {
			return "", fmt.Errorf("the tests run outside of a checkout: %w", os.ErrNotExist)
		}
		directory = parent
	}
}

// start runs the cluster, which ends when its standard input does: also when this process dies.
func start() (*Cluster, error) {
	path, err := binary()
	if err != nil {
		return nil, err
	}
	command := exec.Command(path)
	input, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	cluster := &Cluster{command: command, input: input}
	impatient := time.AfterFunc(patience, cluster.stop)
	defer impatient.Stop()
	line, err := bufio.NewReader(output).ReadBytes('\n')
	if err != nil {
		cluster.stop()
		return nil, fmt.Errorf("%s said nothing: %w", path, err)
	}
	if err := json.Unmarshal(line, &cluster.Description); err != nil {
		cluster.stop()
		return nil, fmt.Errorf("%s said %q: %w", path, line, err)
	}
	if failure, failed := cluster.Description["error"]; failed {
		cluster.stop()
		return nil, fmt.Errorf("%s: %v", path, failure)
	}
	cluster.Kubeconfig, _ = cluster.Description["kubeconfig"].(string)
	return cluster, nil
}

func (c *Cluster) stop() {
	_ = c.input.Close()
	_ = c.command.Wait()
}
