package actions

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"

	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/getter"
	"helm.sh/helm/v4/pkg/strvals"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// Validate refuses standard input, which no operation reads.
func (v ValueOptions) Validate() error {
	for _, file := range v.ValuesFiles {
		if strings.TrimSpace(file) == "-" {
			return invalid("values_files", "\"-\" is refused: nothing is read from standard input; give values= instead")
		}
	}
	for _, assignment := range v.SetFile {
		if _, file, _ := strings.Cut(assignment, "="); strings.TrimSpace(file) == "-" {
			return invalid("set_file", "\"-\" is refused: nothing is read from standard input")
		}
	}
	return nil
}

// merge does what helm's values.Options.MergeValues does, with the mapping between the files and the set forms.
// It is written out because that function starts from nothing, and `set` with an index needs what was there before.
func (v ValueOptions) merge(providers getter.Providers) (map[string]any, error) {
	values := map[string]any{}
	for _, file := range v.ValuesFiles {
		content, err := readValues(file, providers)
		if err != nil {
			return nil, valuesError("values_files", file, err)
		}
		parsed, err := loader.LoadValues(bytes.NewReader(content))
		if err != nil {
			return nil, valuesError("values_files", file, err)
		}
		values = loader.MergeMaps(values, parsed)
	}
	if len(v.Values) > 0 {
		mapping, err := bridge.DecodeValues(v.Values)
		if err != nil {
			return nil, err
		}
		values = loader.MergeMaps(values, mapping)
	}
	for _, text := range v.SetJSON {
		if err := setJSON(text, &values); err != nil {
			return nil, valuesError("set_json", text, err)
		}
	}
	readFile := func(name []rune) (any, error) {
		content, err := readValues(string(name), providers)
		return string(content), err
	}
	for _, form := range []struct {
		field string
		texts []string
		parse func(string, map[string]any) error
	}{
		{"set", v.Set, strvals.ParseInto},
		{"set_string", v.SetString, strvals.ParseIntoString},
		{"set_file", v.SetFile, func(text string, into map[string]any) error { return strvals.ParseIntoFile(text, into, readFile) }},
		{"set_literal", v.SetLiteral, strvals.ParseLiteralInto},
	} {
		for _, text := range form.texts {
			if err := form.parse(text, values); err != nil {
				flag := strings.ReplaceAll(form.field, "_", "-")
				return nil, valuesError(form.field, text, fmt.Errorf("failed parsing --%s data: %w", flag, err))
			}
		}
	}
	return values, nil
}

func setJSON(text string, values *map[string]any) error {
	trimmed := strings.TrimSpace(text)
	if !strings.HasPrefix(trimmed, "{") {
		return strvals.ParseJSON(text, *values)
	}
	var mapping map[string]any
	if err := json.Unmarshal([]byte(trimmed), &mapping); err != nil {
		return err
	}
	*values = loader.MergeMaps(*values, mapping)
	return nil
}

func readValues(location string, providers getter.Providers) ([]byte, error) {
	address, err := url.Parse(location)
	if err != nil {
		return os.ReadFile(location)
	}
	provider, err := providers.ByScheme(address.Scheme)
	if err != nil {
		return os.ReadFile(location)
	}
	content, err := provider.Get(location, getter.WithURL(location))
	if err != nil {
		return nil, err
	}
	return content.Bytes(), nil
}

// valuesError names the option; the text that was given is shown only up to its "=", since what follows may be a secret.
func valuesError(field, text string, err error) error {
	shown := text
	if field != "values_files" {
		key, _, _ := strings.Cut(text, "=")
		shown = key + "=…"
	}
	reason := err.Error()
	if field != "values_files" && len(text) > len(shown) {
		reason = strings.ReplaceAll(reason, text, shown)
	}
	return &bridge.Error{
		Code:    codeValuesInvalid,
		Message: fmt.Sprintf("%s %s: %s", field, quoted(shown), reason),
		Details: map[string]any{"field": field, "given": shown},
		Cause:   err,
	}
}
