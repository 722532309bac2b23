package drift

import (
	"fmt"
	"strings"

	"github.com/pmezard/go-difflib/difflib"
	"sigs.k8s.io/yaml"
)

// The colours of a terminal.
const (
	bold   = "\x1b[1m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	cyan   = "\x1b[36m"
	reset  = "\x1b[0m"
)

// headings are how an object's part of the text begins; what has none is not shown.
var headings = map[string]string{
	ActionCreate:   "would be created:",
	ActionChange:   "would be changed:",
	ActionDelete:   "would be deleted:",
	ActionKeep:     "is no part of the release any more, and is kept (helm.sh/resource-policy)",
	ActionSkip:     "differs, and is left alone",
	ActionConflict: "would be changed, but fields belong to others:",
	ActionRefused:  "is refused:",
}

// Text is the differences as a person reads them: a heading for each object, much as the helm-diff plugin
// has it, and hunks of a unified diff with that many lines around.
func Text(objects []Object, around int, coloured bool) (string, error) {
	var text strings.Builder
	for _, object := range objects {
		heading := headings[object.Action]
		if heading == "" {
			continue
		}
		kind := fmt.Sprintf("%s (%s)", object.Kind, object.APIVersion)
		if object.Hook {
			kind += " hook"
		}
		writeLine(&text, bold+yellow, strings.TrimPrefix(object.Namespace+", ", ", ")+object.Name+", "+kind+" "+heading, coloured)
		if object.Message != "" {
			for line := range strings.Lines(object.Message) {
				writeLine(&text, yellow, "# "+strings.TrimRight(line, "\n"), coloured)
			}
		}
		hunks, err := object.hunks(around)
		if err != nil {
			return "", err
		}
		for _, line := range hunks {
			writeLine(&text, colourOf(line), line, coloured)
		}
	}
	return text.String(), nil
}

func writeLine(text *strings.Builder, colour, line string, coloured bool) {
	if coloured && colour != "" {
		line = colour + line + reset
	}
	text.WriteString(line + "\n")
}

func colourOf(line string) string {
	switch {
	case strings.HasPrefix(line, "@@"):
		return cyan
	case strings.HasPrefix(line, "-"):
		return red
	case strings.HasPrefix(line, "+"):
		return green
	}
	return ""
}

// hunks are the lines of a unified diff of the object's YAML.
func (o Object) hunks(around int) ([]string, error) {
	if o.Action == ActionKeep {
		return nil, nil
	}
	was, err := lines(o.before)
	if err != nil {
		return nil, err
	}
	is, err := lines(o.after)
	if err != nil {
		return nil, err
	}
	text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{A: was, B: is, Context: around})
	if err != nil || text == "" {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n"), nil
}

func lines(fields map[string]any) ([]string, error) {
	if fields == nil {
		return nil, nil
	}
	text, err := yaml.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("write the object: %w", err)
	}
	return strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n"), nil
}
