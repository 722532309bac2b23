package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFailingStartSaysWhy(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	input, _ := io.Pipe()
	defer input.Close()
	var output bytes.Buffer
	if code := run([]string{"-directory", file}, input, &output, io.Discard); code != 1 {
		t.Errorf("exit code is %d", code)
	}
	var line struct {
		Error struct {
			Part, Message string
			Log           []string
		}
	}
	if err := json.Unmarshal(output.Bytes(), &line); err != nil {
		t.Fatalf("%q: %v", output.String(), err)
	}
	if line.Error.Part != "state" || !strings.Contains(line.Error.Message, "not a directory") {
		t.Errorf("failure is %+v", line.Error)
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("what was there is gone: %v", err)
	}
}

func TestUnknownFlag(t *testing.T) {
	var output, errorOutput bytes.Buffer
	if code := run([]string{"-nonsense"}, nil, &output, &errorOutput); code != 2 || !strings.Contains(errorOutput.String(), "-nonsense") {
		t.Errorf("exit code is %d, output %q", code, errorOutput.String())
	}
	if output.Len() > 0 {
		t.Errorf("said %q where only descriptions go", output.String())
	}
}
