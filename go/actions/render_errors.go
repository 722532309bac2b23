package actions

import (
	"regexp"
	"strconv"
	"strings"
)

// The places that Helm's errors of rendering name (helm: pkg/engine/engine.go, pkg/release/v1/util/manifest_sorter.go).
var (
	// "parse error at (shop/templates/a.yaml:3): …", "execution error at (shop/templates/a.yaml:3:4): …"
	placeInside = regexp.MustCompile(`error (?:at|in) \(([^\n]+?)(?::(\d+))?(?::(\d+))?\): `)
	// A line for each template that was entered, the innermost last: "shop/templates/_helpers.tpl:3:4\n  executing …"
	placeAlone = regexp.MustCompile(`(?m)^(?:template: )?([^\n]+?):(\d+)(?::(\d+))?(?:$|: )`)
	// "YAML parse error on shop/templates/a.yaml: error converting YAML to JSON: yaml: line 3: …"
	placeOfYAML  = regexp.MustCompile(`YAML parse error on ([^\n]+?): `)
	renderedLine = regexp.MustCompile(`yaml: line (\d+): `)
)

// placeOf are the details of an error of rendering: the file, and the line and column in it. What was rendered and is no
// YAML has a line in the rendered document instead.
func placeOf(message string) map[string]any {
	if found := placeOfYAML.FindStringSubmatchIndex(message); found != nil {
		details := map[string]any{"file": message[found[2]:found[3]]}
		if line := renderedLine.FindStringSubmatch(message[found[1]:]); line != nil {
			number(details, "rendered_line", line[1])
		}
		return details
	}
	found := placeInside.FindStringSubmatch(message)
	if found == nil {
		all := placeAlone.FindAllStringSubmatch(message, -1)
		if len(all) == 0 {
			return nil
		}
		found = all[len(all)-1]
	}
	details := map[string]any{"file": strings.TrimSpace(found[1])}
	number(details, "line", found[2])
	number(details, "column", found[3])
	return details
}

func number(details map[string]any, name, text string) {
	if value, err := strconv.Atoi(text); err == nil {
		details[name] = value
	}
}
