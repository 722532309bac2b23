// Package catalog keeps of a chart repository's index what a search needs, in a small part of the memory that the index takes.
package catalog

import (
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// Catalog is the index of one repository, read and in the order of a search. It never changes.
type Catalog struct {
	entries []string // the names in the index, those without a valid version too
	charts  []chart  // by name
	texts   []text
	size    int
}

// chart is one name of the index with its versions, newest first.
type chart struct {
	name     string // as a search shows it: repository/name
	versions []version
}

type version struct {
	number     string
	appVersion string
	parsed     semver.Version
	text       int32 // most versions of a chart have the same
}

// text is what keywords are looked for in.
type text struct {
	line        string
	lower       string
	description string // part of line
}

// The separators of helm's search (helm: pkg/cmd/search/search.go).
const (
	fieldSeparator   = "\v"
	versionSeparator = "$$"
)

// Entries are the names of the index, sorted.
func (c *Catalog) Entries() []string { return c.entries }

// Size is about how many bytes of memory it takes.
func (c *Catalog) Size() int { return c.size }

// Versions counts the versions of all charts.
func (c *Catalog) Versions() int {
	count := 0
	for _, one := range c.charts {
		count += len(one.versions)
	}
	return count
}

// builder makes a catalog, one name of the index after the other.
type builder struct {
	repository string
	catalog    Catalog
	known      map[string]int32 // texts by their line
	line       strings.Builder
}

func newBuilder(repository string) *builder {
	return &builder{repository: repository, known: map[string]int32{}}
}

// release is what is kept of one version of a chart.
type release struct {
	name, version, appVersion, description string
	keywords                               []string
}

// add takes the valid versions of one name in the order of the index.
func (b *builder) add(entry string, releases []release) {
	b.catalog.entries = append(b.catalog.entries, strings.Clone(entry))
	if len(releases) == 0 {
		return
	}
	// As helm: the version is cut off of what it keeps charts by, and with it what looks like one.
	name, _, _ := strings.Cut(path.Join(b.repository, entry), versionSeparator)
	made := chart{name: strings.Clone(name), versions: make([]version, 0, len(releases))}
	for _, one := range releases {
		// A copy, as of everything that is kept: the text may be a part of the whole index.
		parsed, err := semver.NewVersion(strings.Clone(one.version))
		if err != nil {
			continue // not a valid entry, as Metadata.Validate has it
		}
		kept := *parsed
		made.versions = append(made.versions, version{
			number: kept.Original(), appVersion: b.intern(made.versions, one.appVersion), parsed: kept, text: b.text(one),
		})
	}
	made.sort()
	b.catalog.charts = append(b.catalog.charts, made)
}

// intern gives the version before's where it is the same, so that the whole index is not kept for a few bytes of it.
func (b *builder) intern(before []version, appVersion string) string {
	if len(before) > 0 && before[len(before)-1].appVersion == appVersion {
		return before[len(before)-1].appVersion
	}
	return strings.Clone(appVersion)
}

// text keeps what is searched (helm: pkg/cmd/search/search.go, indstr).
func (b *builder) text(one release) int32 {
	b.line.Reset()
	for _, part := range []string{one.name, fieldSeparator, b.repository, "/", one.name, fieldSeparator} {
		b.line.WriteString(part)
	}
	from := b.line.Len()
	b.line.WriteString(one.description)
	to := b.line.Len()
	b.line.WriteString(fieldSeparator)
	for i, keyword := range one.keywords {
		if i > 0 {
			b.line.WriteString(" ")
		}
		b.line.WriteString(keyword)
	}
	line := b.line.String()
	if index, known := b.known[line]; known && b.catalog.texts[index].description == one.description {
		return index
	}
	index := int32(len(b.catalog.texts))
	b.known[line] = index
	b.catalog.texts = append(b.catalog.texts, text{line: line, lower: strings.ToLower(line), description: line[from:to]})
	return index
}

// done gives the catalog.
func (b *builder) done() *Catalog {
	made := b.catalog
	slices.Sort(made.entries)
	slices.SortStableFunc(made.charts, func(a, b chart) int { return strings.Compare(a.name, b.name) })
	const chartBytes, versionBytes, textBytes, stringBytes = 40, 128, 48, 16
	for _, entry := range made.entries {
		made.size += len(entry) + stringBytes
	}
	for _, one := range made.charts {
		made.size += chartBytes + len(one.name)
		for _, each := range one.versions {
			made.size += versionBytes + len(each.number) + len(each.appVersion)
		}
	}
	for _, one := range made.texts {
		made.size += textBytes + len(one.line)
		if one.lower != one.line {
			made.size += len(one.lower)
		}
	}
	return &made
}

// sort puts the newest first, as helm does: once when it loads an index, once when it makes its own of it. Of a version
// that is there twice the last one counts, since helm keeps versions by their name.
func (c *chart) sort() {
	for range 2 {
		sort.Sort(sort.Reverse(byVersion(c.versions)))
	}
	last := make(map[string]int, len(c.versions))
	for i, one := range c.versions {
		last[one.number] = i
	}
	if len(last) == len(c.versions) {
		return
	}
	kept := c.versions[:0]
	for i, one := range c.versions {
		if last[one.number] == i {
			kept = append(kept, one)
		}
	}
	c.versions = kept
}

// byVersion is repo.ChartVersions with numbers that are parsed once.
type byVersion []version

func (v byVersion) Len() int           { return len(v) }
func (v byVersion) Swap(i, j int)      { v[i], v[j] = v[j], v[i] }
func (v byVersion) Less(i, j int) bool { return v[i].parsed.LessThan(&v[j].parsed) }
