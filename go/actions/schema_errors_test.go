package actions

import (
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common/util"
)

// The texts are jsonschema's: a version that words them otherwise fails here.
func TestASchemaErrorQuotesNoValue(t *testing.T) {
	t.Parallel()
	const draft7 = `"$schema": "http://json-schema.org/draft-07/schema#", `
	values := map[string]any{"password": "it's 'hunter2' does not match pattern 'x'\nhunter2", "more": map[string]any{"mail": "hunter2"}}
	for schema, says := range map[string]string{
		`{"properties": {"password": {"pattern": "^[0-9]+$"}}}`:                                               "- at '/password': the value does not match pattern '^[0-9]+$'",
		`{` + draft7 + `"properties": {"password": {"format": "email"}}}`:                                     "- at '/password': the value is not valid email",
		`{"properties": {"more": {"properties": {"mail": {"anyOf": [{"pattern": "@"}, {"maxLength": 3}]}}}}}`: "- at '/more/mail': the value does not match pattern '@'",
		`{"properties": {"password": {"maxLength": 3}}}`:                                                      "- at '/password': maxLength: got 49, want 3",
		`{"properties": {"password": {"enum": ["a", "b"]}}}`:                                                  "- at '/password': value must be one of 'a', 'b'",
		`{"additionalProperties": false, "properties": {"a": {}}}`:                                            "additional properties ",
	} {
		err := util.ValidateAgainstSingleSchema(values, []byte(schema))
		if err == nil {
			t.Errorf("%s holds", schema)
			continue
		}
		explained := explain(err)
		if explained.Code != codeValuesSchema || !strings.Contains(explained.Message, says) || strings.Contains(explained.Message, "hunter2") {
			t.Errorf("%s gives\n%s\nwhich should say %q and not the value", schema, explained.Message, says)
		}
	}
}
