package drift

import (
	"fmt"
	"path"
	"strings"
)

// Rules say what does not count as a difference.
type Rules struct {
	Ignore      []Rule
	Managers    []string // fields that one of these owns
	ShowSecrets bool
}

// Rule is some fields of some objects. A selector that is empty matches all; `*` and `?` stand for any text and letter.
type Rule struct {
	Paths      []string `json:"paths"` // JSON pointers; "" is the whole object, `*` every key or item
	APIVersion string   `json:"api_version"`
	Kind       string   `json:"kind"`
	Namespace  string   `json:"namespace"`
	Name       string   `json:"name"`
}

// Validate refuses what would never match.
func (r Rule) Validate() error {
	if len(r.Paths) == 0 {
		return fmt.Errorf("has no paths: [\"\"] is the whole object")
	}
	for _, pointer := range r.Paths {
		if pointer != "" && !strings.HasPrefix(pointer, "/") {
			return fmt.Errorf("has the path %q: a JSON pointer begins with /, as /spec/replicas does", pointer)
		}
	}
	for _, pattern := range []string{r.APIVersion, r.Kind, r.Namespace, r.Name} {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("has the pattern %q, which is none: %w", pattern, err)
		}
	}
	return nil
}

func (r Rule) matches(object Object) bool {
	// No slash is special in an apiVersion.
	flat := strings.NewReplacer("/", "|")
	for _, one := range [][2]string{
		{r.APIVersion, object.APIVersion}, {r.Kind, object.Kind}, {r.Namespace, object.Namespace}, {r.Name, object.Name},
	} {
		if matched, _ := path.Match(flat.Replace(one[0]), flat.Replace(one[1])); one[0] != "" && !matched {
			return false
		}
	}
	return true
}

// pointers are the fields of an object that do not count.
func (r Rules) pointers(object Object) [][]string {
	var found [][]string
	for _, rule := range r.Ignore {
		if !rule.matches(object) {
			continue
		}
		for _, pointer := range rule.Paths {
			found = append(found, parsePointer(pointer))
		}
	}
	return found
}

// whole says whether nothing of the object counts.
func (r Rules) whole(object Object) bool {
	for _, pointer := range r.pointers(object) {
		if len(pointer) == 0 {
			return true
		}
	}
	return false
}

// parsePointer splits a JSON pointer (RFC 6901).
func parsePointer(pointer string) []string {
	if pointer == "" {
		return nil
	}
	steps := strings.Split(pointer[1:], "/")
	for i, step := range steps {
		steps[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
	}
	return steps
}
