// Package child runs other programs for an operation: without a terminal and without standard input, what they print is
// taken, and a cancel ends them with all that they started.
package child

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// patience is how long a program may take to clean up (git its lock files) after it was told to end.
	patience = 300 * time.Millisecond
	// straggling is how long what a program left running keeps its result waiting.
	straggling = 500 * time.Millisecond
	// complaintLimit is how much of what a program complained about goes into an error.
	complaintLimit = 4 << 10
)

// Program is what is run.
type Program struct {
	Path        string
	Arguments   []string
	Environment []string
	Input       io.Reader         // nil: there is none
	Files       []*os.File        // what it has open as 3, 4, …
	Line        func(line string) // what it prints to standard error, as it comes
	Says        func(line string) // what it prints to standard output, as it comes; nil: nobody asks
	Leaves      bool              // what it leaves running is not waited for
}

// Failure is a program that ended with another status than 0, or by a signal.
type Failure struct {
	Status    error
	ExitCode  int    // -1: by a signal
	Complaint string // the end of what it printed to standard error
	Output    string // what it printed to standard output
}

// Error implements error.
func (f *Failure) Error() string {
	if f.Complaint == "" {
		return f.Status.Error()
	}
	return f.Status.Error() + ": " + f.Complaint
}

// Unwrap implements errors.
func (f *Failure) Unwrap() error { return f.Status }

// Run runs the program and gives what it printed to standard output.
//
// When ctx is done, the program and all of its process group are told to end, and killed soon after.
func Run(ctx context.Context, program Program) ([]byte, error) {
	command := exec.CommandContext(ctx, program.Path, program.Arguments...)
	output, complaint := &taken{line: program.Says}, &taken{line: program.Line, limit: complaintLimit}
	command.Stdin, command.Stdout, command.Stderr = program.Input, output, complaint
	command.Env, command.ExtraFiles = program.Environment, program.Files
	// A session of its own has no terminal that could be asked (git asks for passwords there), and is a process group.
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	command.Cancel = func() error {
		group := -command.Process.Pid
		time.AfterFunc(patience, func() { _ = syscall.Kill(group, syscall.SIGKILL) })
		return syscall.Kill(group, syscall.SIGTERM)
	}
	if program.Leaves {
		command.WaitDelay = straggling
	}
	err := command.Run()
	output.end()
	complaint.end()
	if gone := context.Cause(ctx); gone != nil && err != nil {
		return nil, fmt.Errorf("%s: %w", program.Path, gone)
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	var status *exec.ExitError
	if errors.As(err, &status) {
		return nil, &Failure{
			Status: status, ExitCode: status.ExitCode(), Complaint: strings.TrimSpace(complaint.text()), Output: output.text(),
		}
	}
	return output.kept.Bytes(), err
}

// taken keeps what is written to it, or the last of it, and tells it line by line.
type taken struct {
	line  func(string)
	limit int // 0: none

	mu   sync.Mutex
	kept bytes.Buffer
	part []byte
}

// Write implements io.Writer.
func (t *taken) Write(text []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept.Write(text)
	if over := t.kept.Len() - t.limit; t.limit > 0 && over > 0 {
		t.kept.Next(over)
	}
	if t.line == nil {
		return len(text), nil
	}
	t.part = append(t.part, text...)
	for {
		line, rest, whole := bytes.Cut(t.part, []byte("\n"))
		if !whole {
			break
		}
		t.tell(line)
		t.part = rest
	}
	if len(t.part) > 64<<10 { // no line
		t.tell(t.part)
		t.part = nil
	}
	return len(text), nil
}

func (t *taken) tell(line []byte) {
	if text := strings.TrimRight(string(line), "\r"); strings.TrimSpace(text) != "" {
		t.line(text)
	}
}

func (t *taken) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.line != nil && len(t.part) > 0 {
		t.tell(t.part)
	}
	t.part = nil
}

func (t *taken) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.ToValidUTF8(t.kept.String(), "�")
}
