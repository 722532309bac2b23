package watch

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

func TestHookPhase(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		annotation, action string
		touched            bool
		want               string
	}{
		{"pre-install", "", false, "pre-install"},
		{"pre-install,post-install", "install", false, "pre-install"},
		{"post-install, Pre-Install", "install", false, "pre-install"},
		{"pre-install,post-install", "install", true, "post-install"},
		{"pre-install,pre-upgrade", "upgrade", false, "pre-upgrade"},
		{"post-install,post-upgrade,post-rollback", "rollback", true, "post-rollback"},
		{"pre-delete,post-delete", "delete", true, "post-delete"},
		{"test", "test", false, "test"},
		{"post-install", "install", false, "post-install"},
		{"pre-install", "upgrade", false, "pre-install"},
	} {
		op, _, _ := listened(t)
		client := New(op, nil, nil, Options{Action: test.action})
		client.touched = test.touched
		info := infos(t, newAPI(t).config(nil), configMap("a", map[string]string{"helm.sh/hook": test.annotation}, nil))[0]
		if got := client.hookPhase(info); got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
	}
}

func TestHooksAreTold(t *testing.T) {
	t.Parallel()
	server := newAPI(t)
	op, heard, _ := listened(t)
	client := New(op, nil, nil, Options{Action: "install"})
	hooks := infos(t, server.config(nil),
		configMap("a", map[string]string{"helm.sh/hook": "pre-install"}, nil),
		configMap("b", map[string]string{"helm.sh/hook": "pre-install"}, nil))
	if _, err := client.Create(hooks, clientSide); err != nil {
		t.Fatal(err)
	}
	client.hooksEnded(hooks, nil)
	client.hooksEnded(hooks, errors.New("broke"))
	failed := states{{Resource: resourceOf(hooks[1]), Status: "failed", Message: "Job Failed. failed: 1/1"}}
	client.hooksEnded(hooks, fmt.Errorf("wrapped: %w", &bridge.Error{Code: CodeHookFailed, Details: map[string]any{"not_ready": failed.details()}}))
	if _, err := client.Create(hooks, clientSide); err == nil {
		t.Fatal("created twice")
	}
	one, two := "ConfigMap web/a", "ConfigMap web/b"
	want := []brief{
		{"phase", "", "pre-install", ""},
		{"hook", one, "started", ""}, {"hook", two, "started", ""},
		{"hook", one, "succeeded", ""}, {"hook", two, "succeeded", ""},
		{"hook", one, "failed", "broke"}, {"hook", two, "failed", "broke"},
		{"hook", one, "succeeded", ""}, {"hook", two, "failed", "Job Failed. failed: 1/1"},
		{"hook", one, "started", ""}, {"hook", two, "started", ""},
	}
	got := heard.brief(bridge.TypePhase, bridge.TypeHook)
	if len(got) != len(want)+2 || !slices.Equal(got[:len(want)], want) {
		t.Fatalf("%+v", got)
	}
	for _, last := range got[len(want):] {
		if last.What != "failed" || !strings.Contains(last.Message, "already exists") {
			t.Errorf("%+v", last)
		}
	}
}

func TestHookOutput(t *testing.T) {
	t.Parallel()
	op, heard, _ := listened(t)
	writer := HookOutput(op, "shop", "web")("jobs", "pod-1", "main")
	for _, part := range []string{"one\ntw", "o\r\n\n", strings.Repeat("x", lineLimit-1), "yz\n", "bad \xff\n", "last"} {
		if n, err := writer.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
	}
	if err := writer.(interface{ Close() error }).Close(); err != nil {
		t.Fatal(err)
	}
	if err := writer.(interface{ Close() error }).Close(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, event := range heard.all() {
		lines = append(lines, event.Message)
		if event.Type != bridge.TypeHook || event.Release != "shop" || event.Namespace != "web" ||
			*event.Resource != (bridge.Resource{APIVersion: "v1", Kind: "Pod", Namespace: "jobs", Name: "pod-1"}) || event.Fields["container"] != "main" {
			t.Errorf("%+v", event)
		}
	}
	want := []string{"one", "two", "", strings.Repeat("x", lineLimit-1) + "y… (1 bytes more)", "bad \uFFFD", "last"}
	if !slices.Equal(lines, want) {
		t.Errorf("%q", lines)
	}
}

func TestHookOutputIsLoggedWhereNobodyListens(t *testing.T) {
	t.Parallel()
	text := unheard(t, "info", func(op *bridge.Operation) {
		_, _ = HookOutput(op, "shop", "web")("web", "pod-1", "main").Write([]byte("hello\n"))
	})
	if !strings.Contains(text, `"type":"log"`) || !strings.Contains(text, `"level":"info"`) || !strings.Contains(text, "hello") {
		t.Errorf("%s", text)
	}
	text = unheard(t, "warning", func(op *bridge.Operation) {
		_, _ = HookOutput(op, "shop", "web")("web", "pod-1", "main").Write([]byte("hello\n"))
	})
	if strings.Contains(text, "hello") {
		t.Errorf("%s", text)
	}
}
