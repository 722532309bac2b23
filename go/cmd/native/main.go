// Package main does the benchmarks' work in Go, without Python, C and JSON between: what benchmarks/ compares the library with.
//
// It reads requests from standard input, one JSON object a line, does their calls at once, and answers each with a line.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"reflect"
	"runtime/pprof"
	"sync"
	"time"

	"helm.sh/helm/v4/pkg/kube"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
)

// request are calls of one action that are made at once.
type request struct {
	Namespace string            `json:"namespace"`
	Action    string            `json:"action"`
	Calls     []json.RawMessage `json:"calls"`
	Repeat    int               `json:"repeat"`
}

// answer says how long each repetition took, and how many things the last call gave.
type answer struct {
	Seconds []float64 `json:"seconds,omitempty"`
	Count   int       `json:"count"`
	Error   string    `json:"error,omitempty"`
}

// call is a call whose arguments are read already.
type call func(context.Context) (any, error)

// way is one of the two ways to do an action in Go.
type way interface {
	prepare(namespace, action string, arguments json.RawMessage) (call, error)
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "the cluster")
	plain := flag.Bool("plain", false, "as Helm's SDK alone does it, with a configuration made anew in each call")
	profile := flag.String("cpuprofile", "", "a file for the CPU profile of the calls")
	flag.Parse()
	if err := run(*kubeconfig, *plain, *profile); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(kubeconfig string, plain bool, profile string) error {
	settle()
	var chosen way = plainWay{kubeconfig}
	if !plain {
		made := newSharedWay(kubeconfig)
		defer made.close()
		chosen = made
	}
	if profile != "" {
		file, err := os.Create(profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	return serve(chosen, os.Stdin, os.Stdout)
}

// settle makes the settings of a process that the library makes while it loads (go/shim/process.go).
func settle() {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	log.SetOutput(io.Discard)
	klog.SetSlogLogger(slog.Default())
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	kube.ManagedFieldsManager = "helm"
}

func serve(chosen way, from io.Reader, to io.Writer) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 16<<20)
	answers := json.NewEncoder(to)
	for lines.Scan() {
		if err := answers.Encode(handle(chosen, lines.Bytes())); err != nil {
			return err
		}
	}
	return lines.Err()
}

func handle(chosen way, line []byte) answer {
	var asked request
	if err := json.Unmarshal(line, &asked); err != nil {
		return answer{Error: err.Error()}
	}
	calls := make([]call, len(asked.Calls))
	for i, arguments := range asked.Calls {
		made, err := chosen.prepare(asked.Namespace, asked.Action, arguments)
		if err != nil {
			return answer{Error: err.Error()}
		}
		calls[i] = made
	}
	var told answer
	for range max(asked.Repeat, 1) {
		began := time.Now()
		result, err := atOnce(calls)
		told.Seconds = append(told.Seconds, time.Since(began).Seconds())
		if err != nil {
			return answer{Error: err.Error()}
		}
		told.Count = size(result)
	}
	return told
}

// atOnce makes all calls at the same time; it gives the last one's result and the first error.
func atOnce(calls []call) (any, error) {
	results, failed := make([]any, len(calls)), make([]error, len(calls))
	var group sync.WaitGroup
	for i, one := range calls {
		group.Go(func() { results[i], failed[i] = one(context.Background()) })
	}
	group.Wait()
	for _, err := range failed {
		if err != nil {
			return nil, err
		}
	}
	return results[len(results)-1], nil
}

// size lets the benchmark see that every way gave as much.
func size(result any) int {
	switch value := reflect.ValueOf(result); value.Kind() {
	case reflect.Slice, reflect.Map:
		return value.Len()
	default:
		return 1
	}
}
