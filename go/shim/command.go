package main

// #include "executable.h"
import "C"

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"unsafe"

	helmcmd "helm.sh/helm/v4/pkg/cmd"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/helm-sdkpy/helm-sdkpy/go/child"
)

// helm_sdkpy_main is the helm command and never returns. It is for a process of its own only: helm's command has one set
// of settings a process, and writes to its standard output and error. executable.c calls it where the library is run.
//
//export helm_sdkpy_main
func helm_sdkpy_main(argc C.int, argv **C.char) C.int {
	os.Args = nil
	for _, argument := range unsafe.Slice(argv, argc) {
		os.Args = append(os.Args, C.GoString(argument))
	}
	if err := moreArguments(); err != nil {
		slog.New(slog.NewTextHandler(os.Stderr, nil)).Error("reading arguments", slog.Any("error", err))
		os.Exit(1)
	}
	os.Exit(command())
	return 0
}

// command is helm's own main (helm: cmd/helm/helm.go), after what settle did for a library is taken back.
func command() int {
	klog.ClearLogger()
	rest.SetDefaultWarningHandler(rest.WarningLogger{})
	root, err := helmcmd.NewRootCmd(os.Stdout, os.Args[1:], helmcmd.SetupLogging)
	if err != nil {
		slog.Warn("command failed", slog.Any("error", err))
		return 1
	}
	if err := root.Execute(); err != nil {
		if failed, ok := errors.AsType[helmcmd.CommandError](err); ok {
			return failed.ExitCode
		}
		return 1
	}
	return 0
}

// moreArguments takes arguments over a pipe that the plugin actions name: what is on a command line, everybody on the
// machine can read. Each ends with a zero byte.
func moreArguments() error {
	named, given := os.LookupEnv(child.ArgumentsPipe)
	if !given {
		return nil
	}
	if err := os.Unsetenv(child.ArgumentsPipe); err != nil {
		return err
	}
	number, err := strconv.ParseUint(named, 10, 31)
	if err != nil {
		return err
	}
	pipe := os.NewFile(uintptr(number), child.ArgumentsPipe)
	text, err := io.ReadAll(pipe)
	if err != nil {
		return err
	}
	for argument := range strings.SplitAfterSeq(string(text), "\x00") {
		if argument, whole := strings.CutSuffix(argument, "\x00"); whole {
			os.Args = append(os.Args, argument)
		}
	}
	return pipe.Close()
}

// program is how the library is run as a program: by itself where it may be, else by the loader that it needs anyway.
func program() []string {
	library := C.GoString(C.helm_library_file())
	if info, err := os.Stat(library); err == nil && info.Mode()&0o111 != 0 {
		return []string{library}
	}
	return []string{C.GoString(C.helm_loader_file()), library}
}
