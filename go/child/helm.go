package child

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ArgumentsPipe names, in the environment, the open file from which the helm command reads the rest of its arguments: what
// is on a command line, everybody on the machine can read.
const ArgumentsPipe = "HELM_SDKPY_ARGUMENTS"

// HelmCommand is how the helm command is run: the library itself, set once while it loads (shim/process.go).
var HelmCommand = func() []string { return nil }

// Helm runs the helm command of this library, and gives what it printed to standard output. The arguments are on no
// command line. What it logs goes to log.
func Helm(ctx context.Context, log *slog.Logger, environment map[string]string, arguments ...string) (string, error) {
	argv := HelmCommand()
	if len(argv) == 0 || !filepath.IsAbs(argv[0]) {
		return "", errors.New("the helm command can not be run here: the library does not know its own file")
	}
	read, write, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer read.Close()
	// Beyond what a pipe holds it would wait for a child that may never start; a command line has a limit too.
	if text := strings.Join(arguments, "\x00") + "\x00"; len(text) > 60<<10 || strings.Count(text, "\x00") != len(arguments) {
		_ = write.Close()
		return "", errors.New("the arguments are too long, or hold a zero byte")
	} else if _, err := write.WriteString(text); err != nil {
		_ = write.Close()
		return "", err
	}
	if err := write.Close(); err != nil {
		return "", err
	}
	environment = maps.Clone(environment)
	if environment == nil {
		environment = map[string]string{}
	}
	environment[ArgumentsPipe] = strconv.Itoa(3)
	output, err := Run(ctx, Program{
		Path: argv[0], Arguments: argv[1:], Environment: List(environment), Files: []*os.File{read}, Leaves: true,
		Line: func(line string) { logged(ctx, log, line) },
		Says: func(line string) { log.Info(line) },
	})
	var failure *Failure
	if errors.As(err, &failure) {
		// cobra's last words (helm: cmd/helm/helm.go).
		if log, message, said := strings.Cut("\n"+failure.Complaint, "\nError: "); said {
			return "", &HelmError{Message: message, Log: strings.TrimSpace(log), Failure: failure}
		}
		return "", &HelmError{Message: failure.Error(), Log: failure.Complaint, Failure: failure}
	}
	return string(output), err
}

// HelmError is what the helm command says of its failure.
type HelmError struct {
	Message string
	Log     string // the end of what it and its plugins complained about before
	Failure *Failure
}

// Error implements error.
func (e *HelmError) Error() string { return e.Message }

// Unwrap implements errors.
func (e *HelmError) Unwrap() error { return e.Failure }

// logged hands on a line of helm's log (helm: internal/logging, slog's text form without a time).
func logged(ctx context.Context, log *slog.Logger, line string) {
	level := slog.LevelInfo
	if rest, found := strings.CutPrefix(line, "level="); found {
		name, rest, _ := strings.Cut(rest, " ")
		if level.UnmarshalText([]byte(name)) == nil {
			line = strings.TrimPrefix(rest, "msg=")
		}
	}
	log.Log(ctx, level, line)
}

// List is an environment as a program is given it.
func List(environment map[string]string) []string {
	list := make([]string, 0, len(environment))
	for name, value := range environment {
		list = append(list, fmt.Sprintf("%s=%s", name, value))
	}
	return list
}
