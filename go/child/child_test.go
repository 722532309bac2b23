package child

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func shell(script string) Program { return Program{Path: "/bin/sh", Arguments: []string{"-c", script}} }

func TestWhatAProgramPrints(t *testing.T) {
	t.Parallel()
	var said, complained []string
	program := shell("echo one; printf 'two\r\n\nthree'; echo four >&2; cat; test -t 0 || echo none")
	program.Says = func(line string) { said = append(said, line) }
	program.Line = func(line string) { complained = append(complained, line) }
	program.Input = strings.NewReader("given\n")
	output, err := Run(t.Context(), program)
	if err != nil || string(output) != "one\ntwo\r\n\nthreegiven\nnone\n" {
		t.Errorf("%q %v", output, err)
	}
	if !slices.Equal(said, []string{"one", "two", "threegiven", "none"}) || !slices.Equal(complained, []string{"four"}) {
		t.Errorf("%q %q", said, complained)
	}
}

func TestAFailureKeepsTheEndOfTheComplaint(t *testing.T) {
	t.Parallel()
	_, err := Run(t.Context(), shell(`i=0; while [ $i -lt 2000 ]; do echo line $i >&2; i=$((i+1)); done; echo half; exit 7`))
	var failure *Failure
	if !errors.As(err, &failure) || failure.ExitCode != 7 || failure.Output != "half\n" {
		t.Fatalf("%+v", err)
	}
	if len(failure.Complaint) > complaintLimit || !strings.HasSuffix(failure.Complaint, "line 1999") {
		t.Errorf("%d bytes, %q", len(failure.Complaint), failure.Complaint)
	}
}

func TestACancelEndsAllThatWasStarted(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "process")
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	began := time.Now()
	_, err := Run(ctx, shell(`trap "" TERM; sh -c 'trap "" TERM; echo $$ >`+file+`; sleep 60; sleep 60'; sleep 60`))
	if took := time.Since(began); !errors.Is(err, context.Canceled) || took > 2*time.Second {
		t.Errorf("%v after %v", err, took)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	process, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		status, _ := os.ReadFile("/proc/" + strconv.Itoa(process) + "/stat")
		if _, state, found := strings.Cut(string(status), ") "); !found || strings.HasPrefix(state, "Z") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %d still runs", process)
	_ = syscall.Kill(process, syscall.SIGKILL)
}

func TestWhatIsLeftRunningIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	program := shell("echo done; sleep 3 &")
	program.Leaves = true
	began := time.Now()
	output, err := Run(t.Context(), program)
	if took := time.Since(began); err != nil || string(output) != "done\n" || took > 2*time.Second {
		t.Errorf("%q %v after %v", output, err, took)
	}
}

func TestArgumentsGoOverAPipe(t *testing.T) {
	before := HelmCommand
	HelmCommand = func() []string {
		return []string{"/bin/sh", "-c", `tr '\0' '|' <&$` + ArgumentsPipe + `; cat /proc/$$/cmdline | tr '\0' ' ' >&2`}
	}
	t.Cleanup(func() { HelmCommand = before })
	log := slog.New(slog.DiscardHandler)
	output, err := Helm(t.Context(), log, nil, "--password", "hush", "größe\n")
	if err != nil || output != "--password|hush|größe\n|" {
		t.Errorf("%q %v", output, err)
	}
	if _, err := Helm(t.Context(), log, nil, "a\x00b"); err == nil {
		t.Error("a zero byte in an argument")
	}
	if _, err := Helm(t.Context(), log, nil, strings.Repeat("a", 1<<20)); err == nil {
		t.Error("arguments without an end")
	}
}

func TestWhatHelmSaysOfAFailure(t *testing.T) {
	before := HelmCommand
	HelmCommand = func() []string {
		return []string{"/bin/sh", "-c", `echo 'level=WARN msg="careful"' >&2; echo 'Error: no
such thing' >&2; exit 3`}
	}
	t.Cleanup(func() { HelmCommand = before })
	_, err := Helm(t.Context(), slog.New(slog.DiscardHandler), nil, "list")
	var said *HelmError
	if !errors.As(err, &said) || said.Message != "no\nsuch thing" || said.Failure.ExitCode != 3 {
		t.Fatalf("%+v", err)
	}
	if said.Log != `level=WARN msg="careful"` {
		t.Errorf("%q", said.Log)
	}
}
