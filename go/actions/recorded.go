package actions

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	v2 "helm.sh/helm/v4/pkg/chart/v2"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	release "helm.sh/helm/v4/pkg/release/v1"

	"github.com/helm-sdkpy/helm-sdkpy/go/charts"
)

// recorded is a revision as its record holds it: with the chart's content, and numbers as they were written.
type recorded struct {
	outline
	content recordedChart
	values  map[string]any

	rounded bool // numbers are not as they were written: the storage gives what it has read
	labels  map[string]string
	key     string // changes when the record does; empty where the storage tells nothing of the kind
}

// recordedChart is what a record has of a chart: all of it but its dependencies (helm: pkg/chart/v2/chart.go, Chart).
type recordedChart struct {
	Metadata  map[string]any `json:"metadata"`
	Lock      any            `json:"lock"`
	Templates []recordedFile `json:"templates"`
	Files     []recordedFile `json:"files"`
	Values    map[string]any `json:"values"`
	Schema    []byte         `json:"schema"`
}

// recordedFile leaves out when the file was changed: a checkout or an archive made anew is no other chart.
type recordedFile struct {
	Name string `json:"name"`
	Data []byte `json:"data"`
}

// readRecorded is the newest revision of the scope's release. What is decided by it is to be written, so that no earlier
// read is trusted for which one that is.
func (s *scope) readRecorded() (*recorded, error) {
	records, err := s.records()
	if err != nil {
		return nil, err
	}
	if records == nil {
		var rel release.Release
		if err := s.readWhole(0, &rel); err != nil {
			return nil, err
		}
		text, err := json.Marshal(&rel)
		if err != nil {
			return nil, err
		}
		read := &recorded{labels: rel.Labels, rounded: true}
		return read, read.decode(text)
	}
	whole, err := records.newest(s.op.Context(), s.release)
	if err != nil {
		return nil, err
	}
	text, err := unpackRecord(whole.data)
	if err != nil {
		return nil, err
	}
	read := &recorded{labels: whole.labels, key: whole.cacheKey()}
	return read, read.decode(text)
}

func (r *recorded) decode(text []byte) error {
	if err := json.Unmarshal(text, &r.outline); err != nil {
		return fmt.Errorf("decode record: %w", err)
	}
	exact := json.NewDecoder(bytes.NewReader(text))
	exact.UseNumber()
	var rest struct {
		Chart  recordedChart  `json:"chart"`
		Values map[string]any `json:"config"`
	}
	if err := exact.Decode(&rest); err != nil {
		return fmt.Errorf("decode record: %w", err)
	}
	r.content, r.values = rest.Chart, rest.Values
	if r.Info == nil {
		r.Info = &release.Info{}
	}
	return nil
}

// release is the revision as Helm's own type, without the chart's content.
func (r *recorded) release() *release.Release {
	rel := r.summary.release(ownLabels(r.labels))
	rel.Config, rel.Manifest, rel.Hooks, rel.ApplyMethod = r.Config, r.Manifest, r.Hooks, r.ApplyMethod
	return rel
}

// compare holds the chart and the values that are wanted against those that the revision was made of.
func (r *recorded) compare(wanted loaded) ([]EnsureReason, error) {
	var reasons []EnsureReason
	config, err := exactly(wanted.values, r.rounded)
	if err != nil {
		return nil, err
	}
	values, _ := config.(map[string]any)
	changed := differingPaths(r.values, values)
	if len(changed) > 0 {
		reasons = append(reasons, EnsureReason{
			Type: "values", Paths: changed, Message: "the values changed at " + listed(changed),
		})
	}
	made, ok := charts.Copy(wanted.chart).(*v2.Chart)
	if !ok {
		return nil, fmt.Errorf("chart: invalid chart apiVersion")
	}
	// A record holds what this leaves: disabled dependencies are gone, imported values are in.
	if err := chartutil.ProcessDependencies(made, wanted.values); err != nil {
		return nil, err
	}
	chart, err := contentOf(made)
	if err != nil {
		return nil, err
	}
	return append(reasons, r.content.compare(chart, len(changed) > 0)...), nil
}

func contentOf(made *v2.Chart) (chart recordedChart, err error) {
	text, err := json.Marshal(made)
	if err != nil {
		return chart, err
	}
	exact := json.NewDecoder(bytes.NewReader(text))
	exact.UseNumber()
	return chart, exact.Decode(&chart)
}

// compare says how another chart differs. Other values can change which dependencies a chart has and what it takes over
// from them: then its own values and its list of dependencies tell nothing.
func (c recordedChart) compare(other recordedChart, otherValues bool) []EnsureReason {
	var reasons []EnsureReason
	for _, identity := range []struct{ field, kind, words string }{
		{"name", "chart_name", "the chart is another: %s, was %s"},
		{"version", "chart_version", "the chart's version is %s, was %s"},
	} {
		before, after := fmt.Sprint(c.Metadata[identity.field]), fmt.Sprint(other.Metadata[identity.field])
		if before != after {
			reasons = append(reasons, EnsureReason{
				Type: identity.kind, Before: before, After: after, Message: fmt.Sprintf(identity.words, after, before),
			})
		}
	}
	if len(reasons) > 0 {
		return reasons // the rest follows from it
	}
	files := differingFiles(c.Templates, other.Templates)
	files = append(files, differingFiles(c.Files, other.Files)...)
	if !bytes.Equal(c.Schema, other.Schema) {
		files = append(files, "values.schema.json")
	}
	before, after := maps.Clone(c.Metadata), maps.Clone(other.Metadata)
	if otherValues {
		delete(before, "dependencies")
		delete(after, "dependencies")
	} else {
		if len(differingPaths(c.Values, other.Values)) > 0 {
			files = append(files, "values.yaml")
		}
		if !equalJSON(c.Lock, other.Lock) {
			files = append(files, "Chart.lock")
		}
	}
	if len(differingPaths(before, after)) > 0 {
		files = append(files, "Chart.yaml")
	}
	if len(files) == 0 {
		return nil
	}
	slices.Sort(files)
	return []EnsureReason{{
		Type: "chart_content", Paths: files, Message: "the chart changed without a new version: " + listed(files),
	}}
}

func differingFiles(before, after []recordedFile) (names []string) {
	content := map[string][]byte{}
	for _, file := range before {
		content[file.Name] = file.Data
	}
	for _, file := range after {
		if data, known := content[file.Name]; !known || !bytes.Equal(data, file.Data) {
			names = append(names, file.Name)
		}
		delete(content, file.Name)
	}
	return append(names, slices.Collect(maps.Keys(content))...)
}

// exactly gives a value as JSON tells it, with numbers as they are written, or as float64 holds them.
func exactly(value any, rounded bool) (any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	if rounded {
		if err := json.Unmarshal(text, &value); err != nil {
			return nil, err
		}
		return exactly(value, false)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var made any
	return made, decoder.Decode(&made)
}

// differingPaths are the places at which two mappings differ, in order; never what stands there, which may be a secret.
func differingPaths(before, after map[string]any) (paths []string) {
	var walk func(path string, before, after map[string]any)
	walk = func(path string, before, after map[string]any) {
		names := map[string]bool{}
		for name := range before {
			names[name] = true
		}
		for name := range after {
			names[name] = true
		}
		for _, name := range slices.Sorted(maps.Keys(names)) {
			old, was := before[name]
			now, is := after[name]
			oldMap, oldIsMap := old.(map[string]any)
			nowMap, nowIsMap := now.(map[string]any)
			place := path + step(name)
			switch {
			case oldIsMap && nowIsMap:
				walk(place+".", oldMap, nowMap)
			case was != is || !equalJSON(old, now):
				paths = append(paths, place)
			}
		}
	}
	walk("", before, after)
	return paths
}

// step is a key in a path, as --set takes it.
func step(name string) string { return strings.ReplaceAll(name, ".", `\.`) }

// equalJSON compares what was read from JSON; 1, 1.0 and 1e0 are the same number.
func equalJSON(one, other any) bool {
	switch a := one.(type) {
	case map[string]any:
		b, ok := other.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name, value := range a {
			if found, known := b[name]; !known || !equalJSON(value, found) {
				return false
			}
		}
		return true
	case []any:
		b, ok := other.([]any)
		return ok && slices.EqualFunc(a, b, equalJSON)
	case json.Number:
		b, ok := other.(json.Number)
		return ok && (a == b || sameNumber(a, b))
	default:
		return one == other
	}
}

func sameNumber(one, other json.Number) bool {
	a, known := new(big.Rat).SetString(string(one))
	b, knownToo := new(big.Rat).SetString(string(other))
	return known && knownToo && a.Cmp(b) == 0
}

// shownPaths is how many places a message names; the data has them all.
const shownPaths = 5

func listed(paths []string) string {
	if len(paths) <= shownPaths {
		return strings.Join(paths, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(paths[:shownPaths], ", "), len(paths)-shownPaths)
}
