package bridge

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

type waitOptions struct {
	Wait        string  `json:"wait"`
	WaitForJobs bool    `json:"wait_for_jobs"`
	Timeout     float64 `json:"timeout"`
}

type sampleRequest struct {
	waitOptions
	ReleaseName string             `json:"release_name"`
	Version     int                `json:"version"`
	Small       int8               `json:"small"`
	Count       uint               `json:"count"`
	Set         []string           `json:"set"`
	Labels      map[string]*string `json:"labels"`
	Force       *bool              `json:"force"`
	Values      json.RawMessage    `json:"values"`
	Archive     []byte             `json:"chart_archive"`
	Hidden      string             `json:"-"`
	Nested      struct {
		Inner []struct {
			Deep int `json:"deep"`
		} `json:"inner"`
	} `json:"nested"`
}

func TestDecode(t *testing.T) {
	t.Parallel()
	got := sampleRequest{waitOptions: waitOptions{Wait: "watcher"}}
	text := `{"wait": null, "wait_for_jobs": true, "timeout": 1.5, "release_name": "s\u00fc\ud83d\ude00", "version": -3,
		"set": ["a=b"], "labels": {"a": "b", "c": null}, "force": false, "values": {"id": 9007199254740993}, "chart_archive": "aGk="}`
	if err := Decode([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	b, no := "b", false
	want := sampleRequest{
		waitOptions: waitOptions{Wait: "watcher", WaitForJobs: true, Timeout: 1.5},
		ReleaseName: "sü😀", Version: -3, Set: []string{"a=b"}, Labels: map[string]*string{"a": &b, "c": nil}, Force: &no,
		Values: json.RawMessage(`{"id": 9007199254740993}`), Archive: []byte("hi"),
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ text, field, message string }{
		"nothing":               {``, "", "expected JSON, got nothing"},
		"a word":                {`hello`, "", "no valid JSON"},
		"cut off":               {`{"wait": "wat`, "wait", "unexpected EOF"},
		"trailing":              {`{} {}`, "", "no valid JSON at byte 3"},
		"a list":                {`[]`, "", "expected an object, got a list"},
		"unknown":               {`{"quux": 1}`, "quux", "quux: unknown field"},
		"nearly known":          {`{"relase_name": "x"}`, "relase_name", `did you mean "release_name"?`},
		"embedded nearly known": {`{"wait-for-jobs": true}`, "wait-for-jobs", `did you mean "wait_for_jobs"?`},
		"other case":            {`{"Release_Name": "x"}`, "Release_Name", `did you mean "release_name"?`},
		"Go's name":             {`{"ReleaseName": "x"}`, "ReleaseName", `did you mean "release_name"?`},
		"not in JSON":           {`{"Hidden": "x"}`, "Hidden", "unknown field"},
		"embedded struct":       {`{"waitOptions": {}}`, "waitOptions", "unknown field"},
		"text for a number":     {`{"timeout": "5m"}`, "timeout", "timeout: expected a number, got text"},
		"number for text":       {`{"release_name": 5}`, "release_name", "expected text, got a number"},
		"text for a list":       {`{"set": "a=b"}`, "set", "expected a list, got text"},
		"in a list":             {`{"set": ["a", "b", true]}`, "set[2]", "expected text, got true or false"},
		"in a map":              {`{"labels": {"7": {}}}`, "labels.7", "expected text, got an object"},
		"nested":                {`{"nested": {"inner": [{}, {"deep": "x"}]}}`, "nested.inner[1].deep", "expected an integer of 64 bits, got text"},
		"nested unknown":        {`{"nested": {"inner": [{"dep": 1}]}}`, "nested.inner[0].dep", `did you mean "deep"?`},
		"out of range":          {`{"small": 300}`, "small", "expected an integer of 8 bits, got 300"},
		"beyond 64 bits":        {`{"version": 9223372036854775808}`, "version", "got 9223372036854775808"},
		"fraction":              {`{"version": 1.5}`, "version", "expected an integer of 64 bits, got 1.5"},
		"negative":              {`{"count": -1}`, "count", "expected an integer of 64 bits from 0 on, got -1"},
		"infinite":              {`{"timeout": 1e999}`, "timeout", "expected a number, got 1e999"},
		"not base64":            {`{"chart_archive": "**"}`, "chart_archive", "text in base64"},
		"duplicate":             {`{"wait": "a", "wait": "b"}`, "wait", "wait: given twice"},
		"duplicate, escaped":    {`{"wait": "a", "w\u0061it": "b"}`, "wait", "given twice"},
		"duplicate within raw":  {`{"values": {"a": {"b": 1, "b": 2}}}`, "values.a.b", "given twice"},
		"no UTF-8":              {"{\"wait\": \"\xff\"}", "wait", "invalid UTF-8"},
		"no UTF-8 within raw":   {"{\"values\": {\"a\": \"\xc3\"}}", "values.a", "invalid UTF-8"},
		"overlong UTF-8":        {"{\"wait\": \"\xc0\x80\"}", "wait", "invalid UTF-8"},
		"lone surrogate":        {`{"wait": "\ud800"}`, "wait", "surrogate"},
		"lone low surrogate":    {`{"values": ["\udc00x"]}`, "values[0]", "surrogate"},
		"NaN":                   {`{"timeout": NaN}`, "timeout", "no valid JSON"},
		"control character":     {"{\"wait\": \"a\nb\"}", "wait", "no valid JSON"},
		"too deep":              {`{"values": ` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`, "", "nested too deep: at most 200"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var into sampleRequest
			checkInvalid(t, Decode([]byte(test.text), &into), test.field, test.message)
		})
	}
}

func checkInvalid(t *testing.T, err error, field, message string) {
	t.Helper()
	var found *Error
	if !errors.As(err, &found) || found.Code != CodeInvalidRequest {
		t.Fatalf("got %v, want an invalid request", err)
	}
	if got, _ := found.Details["field"].(string); got != field {
		t.Errorf("field %q, want %q (%v)", got, field, err)
	}
	if !strings.Contains(found.Message, message) {
		t.Errorf("message %q, want %q in it", found.Message, message)
	}
}

func TestDecodeShowsNoText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{"timeout": "hunter2"}`, `{"chart_archive": "hunter2*"}`, `{"set": "hunter2"}`, `{"force": "hunter2"}`} {
		var into sampleRequest
		if err := Decode([]byte(text), &into); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestDecodeLimits(t *testing.T) {
	t.Parallel()
	var into sampleRequest
	deepest := `{"values": ` + strings.Repeat("[", 199) + `"[[[\"["` + strings.Repeat("]", 199) + `}`
	if err := Decode([]byte(deepest), &into); err != nil {
		t.Errorf("200 levels: %v", err)
	}
	large := make([]byte, sizeLimit+1)
	for i := range large {
		large[i] = ' '
	}
	checkInvalid(t, Decode(large, &into), "", "at most 67108864")
	large = large[:sizeLimit]
	copy(large, `{}`)
	if err := Decode(large, &into); err != nil {
		t.Errorf("%d bytes: %v", len(large), err)
	}
}

func TestDecodeValues(t *testing.T) {
	t.Parallel()
	text := `{"port": 8080, "id": 9007199254740993, "least": -9223372036854775808, "beyond": 18446744073709551615,
		"huge": 18446744073709551616, "half": 0.5, "whole": 1.0, "exp": 1e3, "none": null, "yes": true, "text": "1",
		"list": [1, {"a": [2.5, -0]}], "empty": {}, "nothing": []}`
	got, err := DecodeValues([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"port": int64(8080), "id": int64(9007199254740993), "least": int64(math.MinInt64), "beyond": uint64(math.MaxUint64),
		"huge": float64(18446744073709551616), "half": 0.5, "whole": 1.0, "exp": 1000.0, "none": nil, "yes": true, "text": "1",
		"list": []any{int64(1), map[string]any{"a": []any{2.5, int64(0)}}}, "empty": map[string]any{}, "nothing": []any{},
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %#v\nwant %#v", got, want)
	}
	for _, none := range []string{"", "null", "{}"} {
		if got, err := DecodeValues([]byte(none)); err != nil || got == nil || len(got) != 0 {
			t.Errorf("DecodeValues(%q) = %#v, %v, want no values", none, got, err)
		}
	}
}

func TestDecodeValuesRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ text, field, message string }{
		"a list":     {`[1]`, "values", "expected an object, got a list"},
		"text":       {`"a"`, "values", "expected an object, got text"},
		"a number":   {`1`, "values", "expected an object, got a number"},
		"infinite":   {`{"a": [0, {"b": 1e999}]}`, "values.a[1].b", "the number 1e999 is out of range"},
		"duplicate":  {`{"a": {"b": 1, "b": 1}}`, "values.a.b", "given twice"},
		"surrogate":  {`{"a": "\ud83d"}`, "values.a", "surrogate"},
		"trailing":   {`{} x`, "", "no valid JSON"},
		"breaks out": {`{"a": 1}, "values": {}`, "values", "given twice"},
		"adds":       {`{}, "x": {}`, "x", "unknown field"},
		"too deep":   {`{"a": ` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`, "", "nested too deep"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := DecodeValues([]byte(test.text))
			checkInvalid(t, err, test.field, test.message)
		})
	}
}

// FuzzDecode checks that what is accepted is what it says: encoded again and decoded again, it is the same.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"wait": "watcher", "labels": {"a": null}}`, `{"values": {"a": [1, 2.5, "\u00e4"]}, "version": 12}`, `{"Wait": 1}`,
		`{"wait": "\ud800"}`, "{\"wait\": \"\xff\"}", `{"small": 128}`, `{"set": ["a", "b"`, `{"wait": "a", "wait": "b"}`, `[[[[`, `null`,
		`{"nested": {"inner": [{"deep": 1}]}}`, `{"chart_archive": "aGk="}`, "\ufeff{}", `{"timeout": 1e309}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var first, second sampleRequest
		err := Decode(text, &first)
		if err != nil {
			if found, ok := errors.AsType[*Error](err); !ok || found.Code != CodeInvalidRequest || found.Message == "" {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if !json.Valid(text) {
			t.Fatalf("accepted %q, which is no JSON", text)
		}
		again, err := Encode(first)
		if err != nil {
			t.Fatal(err)
		}
		if err := Decode(again, &second); err != nil {
			t.Fatalf("%q became %q: %v", text, again, err)
		}
		if third, _ := Encode(second); string(third) != string(again) {
			t.Fatalf("%q became %q, then %q", text, again, third)
		}
	})
}

// FuzzDecodeValues checks that every number of accepted values is still there, and whole ones to the last digit.
func FuzzDecodeValues(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, ``, `{"a": 9007199254740993, "b": [1.5, -0, 1e2]}`, `{"a": 18446744073709551615}`, `{"a": 1e999}`, `[1]`,
		`{"a": {"b": {"c": "\ud83d\ude00"}}}`, `{"a": 1, "a": 2}`, `{}, "x": 1`, `{"a": 0.1e-400}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		values, err := DecodeValues(text)
		if err != nil {
			if found, ok := errors.AsType[*Error](err); !ok || found.Code != CodeInvalidRequest {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		again, err := Encode(values)
		if err != nil {
			t.Fatal(err)
		}
		// A float that is whole is written without its point, so it may come back as an integer: compare from there on.
		second, err := DecodeValues(again)
		if err != nil {
			t.Fatalf("%q became %q: %v", text, again, err)
		}
		if third, _ := Encode(second); string(third) != string(again) {
			t.Fatalf("%q became %q, then %q", text, again, third)
		}
	})
}
