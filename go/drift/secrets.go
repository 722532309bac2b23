package drift

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// What stands for the values of a Secret.
const (
	masked       = "***"
	maskedBefore = "*** (before)"
	maskedAfter  = "*** (after)"
)

// lastApplied is where kubectl keeps what it applied, values and all.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// secretFields are those of a Secret that hold its values.
var secretFields = []string{"data", "stringData"}

func isSecret(object map[string]any) bool {
	version, _ := object["apiVersion"].(string)
	return object["kind"] == "Secret" && version == "v1"
}

// mask hides the values of a Secret in both documents, one of which may be nil. That a value differs stays visible.
func mask(before, after map[string]any) {
	for _, field := range secretFields {
		maskValues(fieldsAt(before, field), fieldsAt(after, field))
		// A Secret's data that is no mapping is hidden whole.
		for _, one := range []map[string]any{before, after} {
			if value, there := one[field]; there && value != nil && fieldsAt(one, field) == nil {
				one[field] = masked
			}
		}
	}
	was, is := fieldsAt(before, "metadata", "annotations"), fieldsAt(after, "metadata", "annotations")
	maskOne(was, is, lastApplied)
}

func maskValues(before, after map[string]any) {
	keys := map[string]bool{}
	for _, one := range []map[string]any{before, after} {
		for key := range one {
			keys[key] = true
		}
	}
	for key := range keys {
		maskOne(before, after, key)
	}
}

func maskOne(before, after map[string]any, key string) {
	was, wasThere := before[key]
	is, isThere := after[key]
	oldMask, newMask := masked, masked
	if wasThere && isThere && !reflect.DeepEqual(was, is) {
		oldMask, newMask = maskedBefore, maskedAfter
	}
	if wasThere {
		before[key] = oldMask
	}
	if isThere {
		after[key] = newMask
	}
}

func fieldsAt(object map[string]any, steps ...string) map[string]any {
	if object == nil {
		return nil
	}
	value, _ := get(object, steps)
	fields, _ := value.(map[string]any)
	return fields
}

// redact hides the values of Secrets in what a server says of them.
func redact(message string, objects ...map[string]any) string {
	var values []string
	for _, object := range objects {
		if !isSecret(object) {
			continue
		}
		for _, field := range secretFields {
			for _, value := range fieldsAt(object, field) {
				text := fmt.Sprint(value)
				values = append(values, text)
				if plain, err := base64.StdEncoding.DecodeString(text); err == nil && field == "data" {
					values = append(values, string(plain))
				}
			}
		}
	}
	// The longest first: one may be part of another.
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) })
	for _, value := range values {
		if strings.TrimSpace(value) != "" {
			message = strings.ReplaceAll(message, value, masked)
		}
	}
	return message
}
