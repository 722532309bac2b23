package plugin

import (
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// The refusals of helm's own loader (helm: internal/plugin/metadata_legacy.go, metadata_v1.go), in its words.
func TestWhatIsNoPlugin(t *testing.T) {
	t.Parallel()
	v1 := "apiVersion: v1\nname: x\nversion: 1.0.0\ntype: cli/v1\nruntime: subprocess\n"
	for text, want := range map[string]string{
		"name: [":                 "failed to peek plugin.yaml API version",
		"apiVersion: v2\nname: x": `invalid plugin apiVersion: "v2"`,
		"name: a b":               `invalid plugin name "a b"`,
		"name: x\nversion: one":   `invalid plugin version "one"`,
		"name: x\ncommand: a\nplatformCommand: [{command: b}]":                   "both platformCommand and command are set",
		"name: x\nhooks: {install: a}\nplatformHooks: {install: [{command: b}]}": "both platformHooks and hooks are set",
		"name: x\ndownloaders: [{protocols: [a]}]":                               "downloader 0 has empty command",
		"name: x\ndownloaders: [{command: a}]":                                   "downloader 0 has no protocols",
		"name: x\ndownloaders: [{command: a, protocols: [b, '']}]":               "downloader 0 has empty protocol at index 1",
		"apiVersion: v1\nname: a b":                                              "invalid plugin `name`",
		"apiVersion: v1\nname: x":                                                "plugin `version` is required",
		"apiVersion: v1\nname: x\nversion: 1.0":                                  "invalid plugin `version` \"1.0\"",
		"apiVersion: v1\nname: x\nversion: 1.0.0":                                "`type` missing",
		"apiVersion: v1\nname: x\nversion: 1.0.0\ntype: cli/v1":                  "`runtime` missing",
		"apiVersion: v1\nname: x\nversion: 1.0.0\ntype: a\nruntime: b":           `unknown plugin type "a"`,
		strings.Replace(v1, "subprocess", "b", 1):                                `unsupported plugin runtime type: "b"`,
		v1 + "usage: a":                         "field usage not found",
		v1 + "config: {protocols: []}":          "field protocols not found",
		strings.Replace(v1, "cli", "getter", 1): "getter has no protocols",
		strings.Replace(v1, "cli", "getter", 1) + "config: {protocols: ['']}": "getter has empty protocol at index 0",
		strings.Replace(v1, "subprocess", "extism/v1", 1):                     "wasm binary missing",
	} {
		directory := t.TempDir()
		if err := os.WriteFile(filepath.Join(directory, FileName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(directory); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestTwoOfAName(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name, FileName), []byte("name: x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := All(root, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), `two plugins claim the name "x"`) {
		t.Error(err)
	}
	found, err := Find([]string{filepath.Join(root, "nowhere")}, slog.New(slog.DiscardHandler))
	if err != nil || len(found) != 0 {
		t.Error(found, err)
	}
}

func TestWhichCommandFits(t *testing.T) {
	t.Parallel()
	exact := platformCommand{OperatingSystem: runtime.GOOS, Architecture: runtime.GOARCH, Command: "exact $A", Args: []string{"$A"}}
	system := platformCommand{OperatingSystem: strings.ToUpper(runtime.GOOS), Command: "system"}
	all := platformCommand{Command: "all"}
	other := platformCommand{OperatingSystem: "plan9", Command: "other"}
	half := platformCommand{Architecture: runtime.GOARCH, Command: "half"}
	for want, given := range map[string][]platformCommand{
		"exact": {other, all, system, exact}, "system": {half, all, system}, "all": {other, half, all, {Command: "later"}}, "": {other, half},
	} {
		path, arguments, err := prepare(given, true, []string{"$A"}, map[string]string{"A": "filled"})
		if path != want || (err == nil) != (want != "") {
			t.Errorf("%v: %q %v", given, path, err)
		}
		if want == "exact" && strings.Join(arguments, " ") != "filled filled $A" {
			t.Errorf("arguments %q", arguments)
		}
	}
}
