package drift

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// setByServer are the fields of metadata that the API server sets by itself.
var setByServer = []string{"creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"}

// document is a copy of an object without its state and what the server alone writes. Numbers stay as they are written.
func document(object map[string]any) (map[string]any, error) {
	if object == nil {
		return nil, nil
	}
	text, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("read the object: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil {
		return nil, fmt.Errorf("read the object: %w", err)
	}
	delete(fields, "status")
	if metadata, ok := fields["metadata"].(map[string]any); ok {
		for _, name := range setByServer {
			delete(metadata, name)
		}
	}
	return fields, nil
}

// remove takes a field out of a document and gives what is left of it; `*` is every key or item.
func remove(from any, steps []string) any {
	if len(steps) == 0 {
		return from
	}
	switch within := from.(type) {
	case map[string]any:
		for key, value := range within {
			if steps[0] != "*" && steps[0] != key {
				continue
			}
			if len(steps) == 1 {
				delete(within, key)
			} else {
				within[key] = remove(value, steps[1:])
			}
		}
	case []any:
		var kept []any
		for i, value := range within {
			hit := steps[0] == "*" || steps[0] == strconv.Itoa(i)
			if hit && len(steps) == 1 {
				continue
			}
			if hit {
				value = remove(value, steps[1:])
			}
			kept = append(kept, value)
		}
		return kept
	}
	return from
}

// get reads the field that a pointer names.
func get(from any, steps []string) (any, bool) {
	for _, step := range steps {
		switch within := from.(type) {
		case map[string]any:
			value, there := within[step]
			if !there {
				return nil, false
			}
			from = value
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(within) {
				return nil, false
			}
			from = within[i]
		default:
			return nil, false
		}
	}
	return from, true
}

// put gives a field, whose parent is there, a value.
func put(into any, steps []string, value any) {
	if len(steps) == 0 {
		return
	}
	parent, _ := get(into, steps[:len(steps)-1])
	last := steps[len(steps)-1]
	switch within := parent.(type) {
	case map[string]any:
		within[last] = value
	case []any:
		if i, err := strconv.Atoi(last); err == nil && i >= 0 && i < len(within) {
			within[i] = value
		}
	}
}

// prefixed says whether one pointer is the other, or names something within it.
func prefixed(steps, prefix []string) bool {
	return len(steps) >= len(prefix) && slices.Equal(steps[:len(prefix)], prefix)
}
