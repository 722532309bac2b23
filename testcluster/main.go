// Command testcluster is a real Kubernetes control plane in one process, for tests: etcd, API server, controllers and
// scheduler, kwok in the kubelet's place, an OCI registry, and a chart repository server.
//
// It prints one line of JSON on standard output, either where everything is or why it could not start, and ends when its
// standard input does.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// tailLines is how much of a log explains a failed start.
const tailLines = 20

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run starts a cluster and keeps it until it is told to stop or its parent is gone.
func run(arguments []string, input io.Reader, output, errorOutput io.Writer) int {
	flags := flag.NewFlagSet("testcluster", flag.ContinueOnError)
	flags.SetOutput(errorOutput)
	directory := flags.String("directory", "", "existing, empty directory for all state (default: a fresh temporary one); removed at exit")
	watchCache := flags.Bool("watch-cache", false, "have the API server answer reads from its watch cache, as in production")
	features := flags.String("kubernetes-features", "", "feature gates of Kubernetes, NAME=true or NAME=false with commas between")
	parent := flags.Int("parent", 0, "end when the process with this number is no longer the parent")
	if err := flags.Parse(arguments); err != nil {
		return 2
	}

	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	stopOnSignal(cancel)
	stopWithParent(input, *parent, cancel)

	cluster := &cluster{
		began: time.Now(), timings: map[string]float64{}, stop: cancel, kept: *directory != "",
		watchCache: *watchCache, features: *features,
	}
	err := startUnlessStopped(ctx, func() error { return cluster.start(ctx, *directory) })
	if cause := context.Cause(ctx); errors.Is(cause, errPartFailed) {
		err = cause
	}
	line := json.NewEncoder(output)
	switch {
	case err == nil:
		if err := line.Encode(cluster.description()); err != nil {
			cancel(fmt.Errorf("nobody reads the description: %w", err))
		}
	case ctx.Err() == nil || errors.Is(err, errPartFailed):
		_ = line.Encode(map[string]any{"error": cluster.failure(err)})
		_ = cluster.remove()
		return 1
	}
	<-ctx.Done()
	if cause := context.Cause(ctx); errors.Is(cause, errPartFailed) {
		fmt.Fprintln(errorOutput, "testcluster:", cause)
		if !cluster.kept {
			_ = cluster.remove()
		}
		return 1
	}
	if err := cluster.remove(); err != nil {
		fmt.Fprintln(errorOutput, "testcluster: remove the state directory:", err)
		return 1
	}
	return 0
}

// startUnlessStopped runs start, and leaves it behind where it does not heed the end of the context.
func startUnlessStopped(ctx context.Context, start func() error) error {
	started := make(chan error, 1)
	go func() { started <- start() }()
	select {
	case err := <-started:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-started:
		return err
	case <-time.After(time.Second):
		return context.Cause(ctx)
	}
}

var (
	errStopped    = errors.New("told to stop")
	errParentGone = errors.New("the parent is gone")
	errPartFailed = errors.New("a part failed")
)

func stopOnSignal(cancel context.CancelCauseFunc) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-signals
		cancel(errStopped)
	}()
}

// stopWithParent ends the cluster when its standard input ends, which happens however the parent dies. Where a forked
// child of the parent holds the other end open, the change of parent tells.
func stopWithParent(input io.Reader, parent int, cancel context.CancelCauseFunc) {
	go func() {
		_, _ = io.Copy(io.Discard, input)
		cancel(errParentGone)
	}()
	if parent == 0 {
		return
	}
	go func() {
		for os.Getppid() == parent {
			time.Sleep(250 * time.Millisecond)
		}
		cancel(errParentGone)
	}()
}
