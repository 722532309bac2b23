package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func TestWhatLibrariesLogIsForDebugging(t *testing.T) {
	t.Parallel()
	for level, want := range map[slog.Level]string{slog.LevelDebug: "level=DEBUG msg=cut pod=web", slog.LevelInfo: ""} {
		var out bytes.Buffer
		inner := slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level})
		slog.New(aside{inner}).With("pod", "web").Error("cut")
		slog.New(aside{inner}).Log(t.Context(), -8, "Request Body", "body", "secret")
		if got := out.String(); !strings.Contains(got, want) || want == "" && got != "" || strings.Contains(got, "secret") {
			t.Errorf("at level %v: %q, want %q", level, got, want)
		}
	}
}
