package watch

import (
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strings"
)

// changed says whether what was sent for an object made a difference between its state before and after. The version
// tells when nothing happened at all; but a controller may have written meanwhile, and that is no change of the
// chart's: only what was sent counts, and what is there no more.
func changed(sent, before, after []byte) bool {
	was, ok := fieldsOf(before)
	is, alsoOK := fieldsOf(after)
	if !ok || !alsoOK {
		return true
	}
	if version(was) == version(is) {
		return false
	}
	asked, ok := fieldsOf(sent)
	if !ok {
		return true
	}
	for _, fields := range []map[string]any{asked, was, is} {
		delete(fields, "status")
		if metadata, ok := fields["metadata"].(map[string]any); ok {
			delete(metadata, "resourceVersion")
			delete(metadata, "managedFields")
		}
	}
	return differs(asked, was, is) || lacks(is, was)
}

// differs compares the fields that were sent. Lists are compared whole: how they are merged depends on the field.
func differs(sent, before, after any) bool {
	fields, ok := sent.(map[string]any)
	if !ok {
		return !reflect.DeepEqual(before, after)
	}
	was, _ := before.(map[string]any)
	is, _ := after.(map[string]any)
	for key, value := range fields {
		if !strings.HasPrefix(key, "$") && differs(value, was[key], is[key]) { // $retainKeys and the like steer a patch
			return true
		}
	}
	return false
}

// lacks says whether fields of before are there no more.
func lacks(after, before any) bool {
	was, ok := before.(map[string]any)
	if !ok {
		return false
	}
	is, ok := after.(map[string]any)
	if !ok {
		return true
	}
	for key, value := range was {
		left, there := is[key]
		if !there || lacks(left, value) {
			return true
		}
	}
	return false
}

func fieldsOf(text []byte) (map[string]any, bool) {
	var fields map[string]any
	err := json.Unmarshal(text, &fields)
	return fields, err == nil && fields != nil
}

func version(fields map[string]any) any {
	metadata, _ := fields["metadata"].(map[string]any)
	return metadata["resourceVersion"]
}

func nameIn(text []byte) string {
	var read struct {
		Metadata struct {
			Name string `json:"name"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(text, &read); err != nil {
		return ""
	}
	return read.Metadata.Name
}

// sentBy reads the body of a request again.
func sentBy(request *http.Request) []byte {
	if request.GetBody == nil {
		return nil
	}
	body, err := request.GetBody()
	if err != nil {
		return nil
	}
	defer body.Close() //nolint:errcheck // in memory
	text, _ := io.ReadAll(body)
	return text
}
