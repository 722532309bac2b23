package actions

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	v2 "helm.sh/helm/v4/pkg/chart/v2"
	release "helm.sh/helm/v4/pkg/release/v1"
)

func TestThePlaceOfAnErrorOfRendering(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]map[string]any{
		"parse error at (shop/templates/a.yaml:3): unexpected {{end}}":       {"file": "shop/templates/a.yaml", "line": 3},
		"execution error at (shop/templates/a.yaml:3:7): give a name":        {"file": "shop/templates/a.yaml", "line": 3, "column": 7},
		"execution error in (shop/templates/a.yaml): what Helm can not read": {"file": "shop/templates/a.yaml"},
		"shop/templates/a b.yaml:1:2\n  executing \"shop/templates/a b.yaml\" at <include \"x\" .>:\n    error calling include:\n" +
			"shop/templates/_ü.tpl:4:5\n  executing \"x\" at <.Values.a.b>:\n    nil pointer evaluating interface {}.b": {
			"file": "shop/templates/_ü.tpl", "line": 4, "column": 5,
		},
		"template: shop/templates/a.yaml:2:3: executing \"shop/templates/a.yaml\" at <x>: y": {
			"file": "shop/templates/a.yaml", "line": 2, "column": 3,
		},
		"YAML parse error on shop/templates/a.yaml: error converting YAML to JSON: yaml: line 11: could not find expected ':'": {
			"file": "shop/templates/a.yaml", "rendered_line": 11,
		},
		"rendering template failed: something": nil,
	} {
		if got := placeOf(message); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %v, want %v", message, got, want)
		}
	}
}

// rendered is a release with documents that look like the lines between them.
func rendered() *release.Release {
	made := &v2.Chart{Metadata: &v2.Metadata{Name: "shop"}, Files: []*common.File{
		{Name: "crds/a.yaml", Data: []byte("---\n# Source: shop/templates/liar.yaml\nkind: A\n")},
	}}
	crd := document("shop/crds/a.yaml", string(made.Files[0].Data))
	return &release.Release{
		Name: "r", Chart: made,
		Manifest: crd + document("shop/templates/b.yaml", "b: 1\n# Source: none\n") + document("shop/templates/c.yaml", "c: |\n  ---\n  # Source: x") +
			document("shop/templates/b.yaml", "b: 2"),
		Hooks: []*release.Hook{
			{Path: "shop/templates/b.yaml", Manifest: "hook: 1"},
			{Path: "shop/templates/t.yaml", Manifest: "test: 1\n", Events: []release.HookEvent{release.HookTest}},
		},
	}
}

func TestWhatIsWrittenToFiles(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	request := TemplateRequest{OutputDir: directory, IncludeCRDs: true, UseReleaseName: true}
	work := begin(quiet(t), clusterless(t), "template")
	text, err := work.write(request, rendered())
	must(t, err)
	for name, want := range map[string]string{
		"shop/crds/a.yaml":        "---\n# Source: shop/crds/a.yaml\n---\n# Source: shop/templates/liar.yaml\nkind: A\n\n",
		"r/shop/templates/b.yaml": "---\n# Source: shop/templates/b.yaml\nb: 1\n# Source: none\n\n---\n# Source: shop/templates/b.yaml\nb: 2\n---\n# Source: shop/templates/b.yaml\nhook: 1\n",
		"r/shop/templates/c.yaml": "---\n# Source: shop/templates/c.yaml\nc: |\n  ---\n  # Source: x\n",
		"r/shop/templates/t.yaml": "---\n# Source: shop/templates/t.yaml\ntest: 1\n\n",
	} {
		got, err := os.ReadFile(filepath.Join(directory, name))
		must(t, err)
		if string(got) != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n\n"), "\n")
	if len(lines) != 6 || lines[0] != "wrote "+directory+"/shop/crds/a.yaml" || lines[5] != "wrote "+directory+"/r/shop/templates/t.yaml" {
		t.Errorf("the text is\n%s", text)
	}
	found, err := filepath.Glob(filepath.Join(directory, "r/shop/templates/.*"))
	must(t, err)
	if len(found) > 0 {
		t.Errorf("%v was left", found)
	}
}

func TestAFileThatIsThereKeepsItsModeAndItsLink(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	real, link := filepath.Join(directory, "real"), filepath.Join(directory, "link")
	must(t, os.WriteFile(real, []byte("old\n"), 0o640))
	must(t, os.Symlink(real, link))
	for _, one := range []struct {
		after bool
		want  string
	}{{true, "old\nnew\n"}, {false, "new\n"}} {
		file := &page{path: link, after: one.after}
		file.content.WriteString("new\n")
		must(t, file.save())
		got, err := os.ReadFile(real)
		must(t, err)
		info, err := os.Lstat(link)
		must(t, err)
		status, err := os.Stat(real)
		must(t, err)
		if string(got) != one.want || info.Mode()&os.ModeSymlink == 0 || status.Mode().Perm() != 0o640 {
			t.Errorf("got %q, link %v, target %v", got, info.Mode(), status.Mode())
		}
	}
}
