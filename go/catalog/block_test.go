package catalog

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/repo/v1"
)

// odd are texts that YAML writes in every way it has.
var odd = []string{
	"", "a", "true", "No", "null", "~", "1", "1.0", "1e3", "0x1f", "1_000", "2026-01-01", "1.2.3", "01.2.3", "-x", "- x", "a: b", "a #b",
	"#x", "'", "\"", "it's", "say \"x\"", "back\\slash", " lead", "trail ", "two\nlines", "two\n\nlines\n", "end\n", "\tx", "Ünïcode 漢字 🚀",
	"{a}", "[b]", "*c", "&d", "!e", "|", ">", "%f", "@g", "`h`", "a:", ":", "?", "? x", "<<", "=", "yes", "y", "off", ".5", ".inf", "+1",
	strings.Repeat("a long text, ", 20), strings.Repeat("it's: long # ", 20), strings.Repeat("\"quoted\" ", 20) + "\n" + strings.Repeat("x", 100),
	strings.Repeat("long lines\n", 5), "a\u00a0b", "zero\u200bwidth", "\x07",
}

func oddText(from *rand.Rand) string { return odd[from.IntN(len(odd))] }

func oddTexts(from *rand.Rand) (texts []string) {
	for range from.IntN(3) {
		texts = append(texts, oddText(from))
	}
	return texts
}

// oddIndex has in each of its fields whatever there is; few of its versions are valid.
func oddIndex(from *rand.Rand) *repo.IndexFile {
	index := random(from)
	for name, versions := range index.Entries {
		if len(index.Entries) > 1 && !isText(name) {
			delete(index.Entries, name) // one name that is odd leaves the whole index to the parser
			continue
		}
		for _, one := range versions {
			if from.IntN(3) > 0 {
				one.Description = oddText(from)
			}
			if from.IntN(3) > 0 {
				one.AppVersion = oddText(from)
			}
			if from.IntN(8) == 0 {
				one.Version = oddText(from)
			}
			one.Keywords, one.Sources, one.URLs = oddTexts(from), oddTexts(from), oddTexts(from)
			one.Home, one.Digest, one.Condition = oddText(from), oddText(from), oddText(from)
			one.Deprecated = from.IntN(2) == 0
			for range from.IntN(3) {
				one.Maintainers = append(one.Maintainers, &chartv2.Maintainer{Name: oddText(from), Email: oddText(from)})
			}
			for range from.IntN(3) {
				dependency := &chartv2.Dependency{Name: oddText(from), Version: oddText(from), Repository: oddText(from)}
				if from.IntN(4) == 0 {
					dependency.Alias, dependency.Enabled, dependency.Tags = oddText(from), true, oddTexts(from)
				}
				one.Dependencies = append(one.Dependencies, dependency)
			}
			one.Annotations = map[string]string{}
			for range from.IntN(3) {
				one.Annotations[oddText(from)] = oddText(from)
			}
		}
	}
	return index
}

// agree checks that an index is read as the parser reads it, or refused by both; fast says whether it was read without.
func agree(t *testing.T, text []byte) (fast bool) {
	t.Helper()
	want, wantErr := readAny("r", text, "", quiet)
	got, gotErr := Read("r", text, "", quiet)
	if (wantErr == nil) != (gotErr == nil) {
		t.Fatalf("%v; want %v\n%s", gotErr, wantErr, text)
	}
	if wantErr == nil && !reflect.DeepEqual(got.plain(), want.plain()) {
		t.Fatalf("got  %q\nwant %q\nfrom %s", got.plain(), want.plain(), text)
	}
	_, fast = readBlock("r", string(text), "", quiet)
	if fast && wantErr != nil {
		t.Fatalf("read without the parser, which says %v\n%s", wantErr, text)
	}
	return fast
}

// plain is all that a catalog holds.
func (c *Catalog) plain() (all []string) {
	all = append(all, c.entries...)
	for _, one := range c.charts {
		for _, each := range one.versions {
			line := c.texts[each.text]
			all = append(all, fmt.Sprint(one.name, " ", each.number, " ", each.appVersion, " ", line.description, " ", line.line))
		}
	}
	return all
}

func TestIndexesAreReadAsByTheParser(t *testing.T) {
	t.Parallel()
	from := rand.New(rand.NewPCG(3, 4))
	fast := 0
	for range 80 {
		text := indexOf(t, oddIndex(from))
		if agree(t, text) {
			fast++
		}
	}
	t.Logf("%d of 80 without the parser", fast)
	if fast < 30 {
		t.Error("the block reader reads next to nothing")
	}
}

// Whatever is done to an index: what the block reader still takes for one is what the parser takes it for.
func TestBrokenIndexesAreReadAsByTheParser(t *testing.T) {
	t.Parallel()
	from := rand.New(rand.NewPCG(5, 6))
	pieces := []string{
		" ", "  ", "\n", "    ", "- ", "#", " #", ": ", ":", "'", "\"", "|", "|-", ">", "\\", "\t", "\r", "&a ", "*a", "!!str ", "~", "[]", "{}", "null",
		"---\n", "...\n", "  web:\n", "    name: web\n", "    unknown: 1\n", "    - x\n", "      x: y\n", "0", "1.0", "true", "\x00", "\u2028", "\xff",
	}
	fast, good := 0, 0
	for range 300 {
		index := random(from)
		if from.IntN(2) == 0 {
			index = oddIndex(from)
		}
		text := string(indexOf(t, index))
		for range 1 + from.IntN(3) {
			at := from.IntN(len(text) + 1)
			switch from.IntN(4) {
			case 0:
				text = text[:at] + text[min(len(text), at+1+from.IntN(5)):]
			case 1:
				line := at + strings.IndexByte(text[at:]+"\n", '\n') + 1
				if line < len(text) {
					next, _ := cutLine(text[line:])
					text = text[:line] + text[min(len(text), line+len(next)+1):]
				}
			default:
				text = text[:at] + pieces[from.IntN(len(pieces))] + text[at:]
			}
		}
		if agree(t, []byte(text)) {
			fast++
		}
		if _, err := readAny("r", []byte(text), "", quiet); err == nil {
			good++
		}
	}
	t.Logf("%d of the broken indexes can be read, %d without the parser", good, fast)
}

// The indexes that Helm's own tests have, in every form that they have been written in.
func TestHelmsOwnIndexes(t *testing.T) {
	t.Parallel()
	found, err := filepath.Glob(filepath.Join(helmSource(t), "pkg", "repo", "v1", "testdata", "*index*"))
	if err != nil || len(found) < 4 {
		t.Fatalf("%v, %v", found, err)
	}
	for _, path := range found {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: without the parser: %v", filepath.Base(path), agree(t, text))
	}
}

// What is an index line by line, and none as a whole.
func TestLinesInTheWrongPlace(t *testing.T) {
	t.Parallel()
	entry := "  web:\n  - name: web\n    version: 1.0.0\n"
	for _, text := range []string{
		"apiVersion: v1\nentries: {}\n" + entry, "entries:\napiVersion: v1\n" + entry, entry + "apiVersion: v1\nentries:\n",
		"apiVersion: v1\nentries:\n" + entry + entry, "apiVersion: v1\nentries:\n  - name: web\n", "apiVersion: v1\n" + entry,
		"apiVersion: v1\nentries:\n" + entry + "entries:\n" + entry, "apiVersion: v1\nentries:\n  web:\n  web:\n",
		"apiVersion: v1\nentries:\n  web: []\n  - name: web\n", "apiVersion: v1\nentries:\n" + entry + "    version: 2.0.0\n",
		"apiVersion: v1\nentries:\n" + entry + "  other:\n    name: x\n", "apiVersion: v1\nentries:\n" + entry + "   x: 1\n",
	} {
		if agree(t, []byte(text)) {
			t.Errorf("read without the parser: %s", text)
		}
	}
	for _, text := range []string{
		"apiVersion: v1\nentries:\n", "apiVersion: v1\nentries: {}\nserverInfo: {}\n", "apiVersion: v1\nentries:\n  web:\n  x: []\n",
		"apiVersion: v1\nentries:\n" + entry + "generated: \"2026-01-01T00:00:00Z\"\n", "entries:\n" + entry + "apiVersion: v1",
		"apiVersion: v1\nentries:\n  web:\n  - name: web\n    version: 1.0.0\n    unknown: &x 1\n    home: *x\n",
	} {
		agree(t, []byte(text))
	}
}

func TestALargeIndexIsReadWithoutTheParser(t *testing.T) {
	t.Parallel()
	if !agree(t, large(t, 20)) {
		t.Error("the parser was needed")
	}
}

// helmSource is where the module's sources are.
func helmSource(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "helm.sh/helm/v4").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
