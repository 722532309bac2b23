package catalog

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/Masterminds/semver/v3"
	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/cmd/search"
	"helm.sh/helm/v4/pkg/repo/v1"
)

var quiet = slog.New(slog.DiscardHandler)

// indexOf writes an index as `helm repo index` does it.
func indexOf(t testing.TB, index *repo.IndexFile) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "index.yaml")
	if err := index.WriteFile(path, 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// pair is the same repositories as helm's packages hold them and as we do.
type pair struct {
	helm *search.Index
	ours []*Catalog
}

func newPair(t *testing.T, indexes map[string][]byte) pair {
	t.Helper()
	made := pair{helm: search.NewIndex()}
	for name, text := range indexes {
		path := filepath.Join(t.TempDir(), "index.yaml")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		loaded, err := repo.LoadIndexFile(path)
		if err != nil {
			t.Fatal(err)
		}
		made.helm.AddRepo(name, loaded, true)
		read, err := Read(name, text, "", quiet)
		if err != nil {
			t.Fatal(err)
		}
		made.ours = append(made.ours, read)
	}
	return made
}

// compare searches as the command does it (helm: pkg/cmd/search_repo.go), and as we do.
func (p pair) compare(t *testing.T, keyword string, pattern bool, constraint string, versions bool) {
	t.Helper()
	found := p.helm.All()
	if keyword != "" {
		var err error
		if found, err = p.helm.Search(keyword, 25, pattern); err != nil {
			t.Fatal(err)
		}
	}
	search.SortScore(found)
	allowed, err := semver.NewConstraint(constraint)
	if err != nil {
		t.Fatal(err)
	}
	want, seen := []Row{}, map[string]bool{}
	for _, one := range found {
		if !versions && seen[one.Name] || !allowed.Check(semver.MustParse(one.Chart.Version)) {
			continue
		}
		seen[one.Name] = true
		want = append(want, Row{one.Name, one.Chart.Version, one.Chart.AppVersion, one.Chart.Description})
	}
	query := Query{Keyword: keyword, Versions: versions, Constraint: allowed}
	if pattern {
		query.Pattern = regexp.MustCompile(keyword)
	}
	if got := Search(p.ours, query); !reflect.DeepEqual(got, want) {
		t.Errorf("%q (pattern %v) %s versions=%v:\n got %v\nwant %v", keyword, pattern, constraint, versions, got, want)
	}
}

// random makes an index of few words, so that names, descriptions and keywords match each other often.
func random(from *rand.Rand) *repo.IndexFile {
	words := []string{"web", "Shop", "web-shop", "database", "Ünïcode", "a", "proxy\vodd", "x.y", "the web", "cost$$free"}
	word := func() string { return words[from.IntN(len(words))] }
	index := repo.NewIndexFile()
	for range 1 + from.IntN(8) {
		name := word()
		for range from.IntN(15) {
			version := fmt.Sprintf("%d.%d.%d", from.IntN(3), from.IntN(3), from.IntN(4))
			if from.IntN(4) == 0 {
				version += []string{"-rc.1", "-alpha", "-0"}[from.IntN(3)]
			}
			one := &repo.ChartVersion{URLs: []string{"x.tgz"}}
			one.Metadata = metadata(name, version)
			one.AppVersion = fmt.Sprint(from.IntN(3))
			one.Description = word() + " " + word()
			for range from.IntN(3) {
				one.Keywords = append(one.Keywords, word())
			}
			index.Entries[name] = append(index.Entries[name], one)
		}
	}
	return index
}

// Helm leaves the order of versions that differ in nothing but their build metadata to chance: there are none here.
func TestSearchIsHelms(t *testing.T) {
	t.Parallel()
	from := rand.New(rand.NewPCG(1, 2))
	for range 8 {
		made := newPair(t, map[string][]byte{
			"one": indexOf(t, random(from)), "one-more": indexOf(t, random(from)), "two": indexOf(t, random(from)),
		})
		for _, keyword := range []string{"", "web", "SHOP", "one/", "ü", "$$", "x.y", "e w", "odd", "nothing"} {
			for _, constraint := range []string{">0.0.0", ">0.0.0-0", "^1", "1.x || 2.1.0", ">=2.0.0-0"} {
				made.compare(t, keyword, false, constraint, false)
				made.compare(t, keyword, false, constraint, true)
			}
		}
		for _, pattern := range []string{"^web", "(?i)shop", "[[:upper:]]", "web$", ".*", `\v`} {
			made.compare(t, pattern, true, ">0.0.0-0", from.IntN(2) == 0)
		}
	}
}

func TestWhatIsNoIndex(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                       "empty index.yaml file",
		"entries: {}":                            "no API version specified",
		"apiVersion: v1\nsurprise: 1":            "unknown field",
		"apiVersion: v1\napiVersion: v1":         "already set",
		"<html>":                                 "cannot unmarshal",
		`{"entries": {}}`:                        "no API version specified",
		"apiVersion: v1\nentries: {a: [{b: 1}]}": "unknown field",
	} {
		if _, err := Read("r", []byte(text), "", quiet); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %s", text, err, want)
		}
	}
}

// large is an index of as many charts with 20 versions each, as public repositories have them.
func large(t testing.TB, charts int) []byte {
	t.Helper()
	index := repo.NewIndexFile()
	for chart := range charts {
		name := fmt.Sprintf("chart-%03d-%s", chart, []string{"web", "database", "queue", "proxy"}[chart%4])
		for number := range 20 {
			one := &repo.ChartVersion{URLs: []string{fmt.Sprintf("https://charts.example/charts/%s-1.%d.0.tgz", name, number)}}
			one.Metadata = metadata(name, fmt.Sprintf("1.%d.0", number))
			one.AppVersion = fmt.Sprintf("2.%d", number)
			one.Description = fmt.Sprintf("Number %d of the charts that make an index as large as those of public repositories are, "+
				"with a description that takes more than a line: of %s.", chart, name)
			one.Keywords = []string{"web", "http", "server", name}
			one.Home = "https://charts.example/" + name
			one.Sources = []string{"https://git.example/" + name, "https://git.example/charts/" + name}
			one.Icon = "https://charts.example/icons/" + name + ".png"
			one.Digest = strings.Repeat("0123456789abcdef", 4)
			index.Entries[name] = append(index.Entries[name], one)
		}
	}
	return indexOf(t, index)
}

func TestACatalogIsSmall(t *testing.T) {
	text := large(t, 250)
	before := heap()
	made, err := Read("public", text, "", quiet)
	if err != nil {
		t.Fatal(err)
	}
	taken := heap() - before
	t.Logf("an index of %.1f MB, %d versions: %.1f MB (reckoned %.1f MB)", float64(len(text))/1e6, made.Versions(), float64(taken)/1e6, float64(made.Size())/1e6)
	if made.Versions() != 5000 || taken > 2<<20 || float64(made.Size()) < 0.8*float64(taken) {
		t.Errorf("%d versions take %d bytes, reckoned %d", made.Versions(), taken, made.Size())
	}
	runtime.KeepAlive(text)
}

func heap() int64 {
	var stats runtime.MemStats
	for range 2 {
		runtime.GC()
	}
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

func BenchmarkRead(b *testing.B) {
	text := large(b, 1000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Read("public", text, "", quiet); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHelmReads is what Read is compared with.
func BenchmarkHelmReads(b *testing.B) {
	path := filepath.Join(b.TempDir(), "index.yaml")
	text := large(b, 1000)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := repo.LoadIndexFile(path); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSearch(b *testing.B) {
	made, err := Read("public", large(b, 1000), "", quiet)
	if err != nil {
		b.Fatal(err)
	}
	stable, err := semver.NewConstraint(">0.0.0")
	if err != nil {
		b.Fatal(err)
	}
	for name, query := range map[string]Query{
		"keyword":  {Keyword: "database"},
		"all":      {},
		"versions": {Versions: true},
		"regexp":   {Pattern: regexp.MustCompile("database$")},
		"nothing":  {Keyword: "no such chart"},
	} {
		query.Constraint = stable
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				Search([]*Catalog{made}, query)
			}
		})
	}
}

func metadata(name, version string) *chartv2.Metadata {
	return &chartv2.Metadata{APIVersion: "v2", Name: name, Version: version}
}
