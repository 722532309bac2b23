package charts

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/loader"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	v2 "helm.sh/helm/v4/pkg/chart/v2"
	v2loader "helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	release "helm.sh/helm/v4/pkg/release/v1"
)

// written is a chart with everything that Helm changes while it renders: aliases, conditions, tags, imported values.
func written(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shop")
	for name, text := range map[string]string{
		"Chart.yaml": `apiVersion: v2
name: shop
version: 1.2.3
keywords: [a, b]
sources: [https://example.org]
annotations: {one: "1"}
maintainers: [{name: Ann}]
dependencies:
- {name: sub, version: "*", repository: "", alias: first, condition: first.enabled, import-values: [{child: deep, parent: given}]}
- {name: sub, version: "*", repository: "", alias: second, tags: [off]}
`,
		"Chart.lock":                  "dependencies:\n- {name: sub, version: 1.0.0, repository: \"\"}\ndigest: x\n",
		"values.yaml":                 "tags: {off: false}\nlist: [{a: 1}, [2, 3]]\nfirst: {enabled: true}\nempty: []\nnothing: null\n",
		"values.schema.json":          "{}",
		"README.md":                   "read",
		"templates/a.yaml":            "a: {{ .Values.given.b }}{{ range .Values.list }}{{ . }}{{ end }}\n",
		"templates/NOTES.txt":         "{{ .Release.Name }}\n",
		"crds/c.yaml":                 "kind: CustomResourceDefinition\n",
		"charts/sub/Chart.yaml":       "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
		"charts/sub/values.yaml":      "deep: {b: 1}\nexports: {x: {y: 1}}\n",
		"charts/sub/templates/b.yaml": "b: {{ .Chart.Name }}\n",
	} {
		write(t, filepath.Join(path, name), text)
	}
	return path
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// rest waits until the chart has been left alone long enough to be kept.
func rest() { time.Sleep(quiet + 50*time.Millisecond) }

func load(t testing.TB, cache *Cache, path string) *v2.Chart {
	t.Helper()
	loaded, err := cache.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return loaded.(*v2.Chart)
}

func rendered(t testing.TB, chart *v2.Chart) string {
	t.Helper()
	helm := action.NewInstall(action.NewConfiguration())
	helm.ReleaseName, helm.Namespace, helm.DryRunStrategy, helm.Replace = "shop", "web", action.DryRunClient, true
	record, err := helm.Run(chart, map[string]any{"more": map[string]any{"x": 1}})
	if err != nil {
		t.Fatal(err)
	}
	return record.(*release.Release).Manifest
}

func TestACloneIsEqualAndSharesNothingThatCanChange(t *testing.T) {
	t.Parallel()
	path := written(t)
	loaded, err := loader.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	chart := loaded.(*v2.Chart)
	made := clone(chart)
	if !reflect.DeepEqual(made, chart) {
		t.Error("a clone differs")
	}
	if made.Dependencies()[0].Parent() != made {
		t.Error("a clone's dependency has another parent")
	}
	if err := chartutil.ProcessDependencies(made, map[string]any{}); err != nil {
		t.Fatal(err)
	}
	made.StampModTimes(time.Unix(1, 0))
	made.Values["list"].([]any)[0].(map[string]any)["a"] = 2
	again, err := loader.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(chart, again) {
		t.Error("what was done to the clone shows in the chart")
	}
}

func TestNothingThatIsKeptChanges(t *testing.T) {
	t.Parallel()
	path, cache := written(t), New()
	rest()
	want := rendered(t, load(t, cache, path))
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for range 5 {
				if got := rendered(t, load(t, cache, path)); got != want {
					t.Errorf("rendered\n%s\nwant\n%s", got, want)
				}
			}
		})
	}
	group.Wait()
	loaded, err := loader.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(load(t, cache, path), loaded) {
		t.Error("what is kept is no longer what was loaded")
	}
	if len(cache.known) != 1 {
		t.Errorf("%d charts are kept", len(cache.known))
	}
}

func TestEveryChangeIsSeen(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(t *testing.T, path string){
		"another text": func(t *testing.T, path string) { write(t, filepath.Join(path, "templates/a.yaml"), "changed: 1\n") },
		"a text as long, with the old time": func(t *testing.T, path string) {
			file := filepath.Join(path, "values.yaml")
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			text := make([]byte, info.Size())
			copy(text, fmt.Sprintf("a: 1\n#%*s", int(info.Size()), ""))
			write(t, file, string(text))
			if err := os.Chtimes(file, info.ModTime(), info.ModTime()); err != nil {
				t.Fatal(err)
			}
		},
		"a file more": func(t *testing.T, path string) { write(t, filepath.Join(path, "templates/new.yaml"), "new: 1\n") },
		"a file less": func(t *testing.T, path string) {
			if err := os.Remove(filepath.Join(path, "README.md")); err != nil {
				t.Fatal(err)
			}
		},
		"another name": func(t *testing.T, path string) {
			if err := os.Rename(filepath.Join(path, "README.md"), filepath.Join(path, "LICENSE")); err != nil {
				t.Fatal(err)
			}
		},
		"a subchart's file": func(t *testing.T, path string) {
			write(t, filepath.Join(path, "charts/sub/values.yaml"), "deep: {b: 2}\n")
		},
		"what is left out": func(t *testing.T, path string) { write(t, filepath.Join(path, ".helmignore"), "README.md\n") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, cache := written(t), New()
			rest()
			before := load(t, cache, path)
			if len(cache.known) != 1 {
				t.Fatal("it is not kept")
			}
			change(t, path)
			got := load(t, cache, path)
			fresh, err := loader.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, fresh) || reflect.DeepEqual(got, before) {
				t.Error("the old chart was given")
			}
			if len(cache.known) != 0 {
				t.Error("what changed a moment ago is kept")
			}
		})
	}
}

func TestWhatIsNotKept(t *testing.T) {
	t.Parallel()
	path, cache := written(t), New()
	load(t, cache, path) // just written
	link := filepath.Join(path, "templates/linked.yaml")
	if err := os.Symlink(filepath.Join(path, "README.md"), link); err != nil {
		t.Fatal(err)
	}
	rest()
	load(t, cache, path) // its text may change elsewhere
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if len(cache.known) != 0 {
		t.Errorf("%d charts are kept", len(cache.known))
	}
	if _, err := cache.Load(filepath.Join(path, "nowhere")); err == nil {
		t.Error("nothing was loaded, without an error")
	}
}

func TestWhatIsLeftOutIsNotLookedAt(t *testing.T) {
	t.Parallel()
	path, cache := written(t), New()
	write(t, filepath.Join(path, ".helmignore"), ".git/\n")
	rest()
	write(t, filepath.Join(path, ".git/HEAD"), "x")
	rest()
	load(t, cache, path)
	write(t, filepath.Join(path, ".git/HEAD"), "y")
	load(t, cache, path)
	if len(cache.known) != 1 {
		t.Error("a change to what the loader leaves out counts")
	}
}

func TestAnArchivesBytes(t *testing.T) {
	t.Parallel()
	path, cache := written(t), New()
	packed, err := chartutil.Save(load(t, cache, path), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(packed)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		loaded, err := cache.LoadArchive(content)
		if err != nil {
			t.Fatal(err)
		}
		if name := loaded.(*v2.Chart).Name(); name != "shop" {
			t.Errorf("the chart is %q", name)
		}
	}
	if len(cache.known) != 1 {
		t.Errorf("%d charts are kept", len(cache.known))
	}
	if _, err := cache.LoadArchive([]byte("no archive")); err == nil {
		t.Error("no error for what is no archive")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	cache := New()
	cache.limit = 100 << 10
	paths := make([]string, 8)
	for i := range paths {
		paths[i] = written(t)
		write(t, filepath.Join(paths[i], "large.txt"), string(make([]byte, 30<<10)))
	}
	big := written(t)
	write(t, filepath.Join(big, "large.txt"), string(make([]byte, 60<<10)))
	rest()
	for _, path := range append(paths, big, paths[7]) {
		load(t, cache, path)
		if cache.weight > cache.limit {
			t.Fatalf("%d bytes are kept", cache.weight)
		}
	}
	if _, kept := cache.known[big]; kept {
		t.Error("what takes more than half of the room is kept")
	}
	if _, kept := cache.known[paths[7]]; !kept || cache.order.Len() != len(cache.known) || len(cache.known) < 2 {
		t.Errorf("%d charts are kept, the last one: %v", len(cache.known), kept)
	}
}

// How a chart is had: parsed anew as Helm does, from the files in memory, or as a copy of what is kept.
func BenchmarkLoad(b *testing.B) {
	for _, path := range []string{os.Getenv("CHART"), written(b)} {
		if path == "" {
			continue
		}
		b.Run("loader/"+filepath.Base(path), func(b *testing.B) {
			for b.Loop() {
				if _, err := loader.Load(path); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("parsed/"+filepath.Base(path), func(b *testing.B) {
			loaded, err := loader.Load(path)
			if err != nil {
				b.Fatal(err)
			}
			raw := loaded.(*v2.Chart).Raw
			for b.Loop() {
				files := make([]*archive.BufferedFile, len(raw))
				for i, file := range raw {
					files[i] = &archive.BufferedFile{Name: file.Name, ModTime: file.ModTime, Data: file.Data}
				}
				if _, err := v2loader.LoadFiles(files); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("kept/"+filepath.Base(path), func(b *testing.B) {
			cache := New()
			rest()
			for b.Loop() {
				load(b, cache, path)
			}
		})
	}
}
