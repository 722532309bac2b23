package bridge

import (
	jsonv1 "encoding/json"
	"encoding/json/jsontext"
	"encoding/json/v2"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

const (
	sizeLimit  = 64 << 20
	depthLimit = 200
)

// Decode reads one JSON value strictly. Names are case-sensitive, and an unknown or double name, a wrong type, a number out
// of range, text that is not Unicode and anything after the value are errors that name the field.
// A null leaves what is no pointer as it is.
func Decode(data []byte, into any) error { return decode(data, into) }

func decode(data []byte, into any, options ...json.Options) error {
	if err := checkLimits(data); err != nil {
		return err
	}
	// Of what v1 did, only its null is wanted: the absence of a choice must not undo a default.
	options = append(options, json.RejectUnknownMembers(true), jsonv1.MergeWithLegacySemantics(true))
	err := json.Unmarshal(data, into, options...)
	if err == nil {
		return nil
	}
	root := reflect.TypeOf(into)
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return malformed(root, syntax, len(data))
	}
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		return unfitting(root, semantic)
	}
	return Errorf(CodeInvalidRequest, "%w", err)
}

// checkLimits bounds what a request can cost before anything else looks at it.
func checkLimits(data []byte) error {
	if len(data) > sizeLimit {
		return invalid("", "%d bytes of JSON are too many: at most %d", len(data), sizeLimit)
	}
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > depthLimit {
				return invalid("", "the JSON is nested too deep: at most %d levels", depthLimit)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

// invalid makes the error of a request that can not be read.
func invalid(field, format string, args ...any) *Error {
	err := Errorf(CodeInvalidRequest, format, args...)
	if field != "" {
		err.Message = field + ": " + err.Message
		err = err.with("field", field)
	}
	return err
}

func malformed(root reflect.Type, err *jsontext.SyntacticError, size int) error {
	field := fieldPath(root, err.JSONPointer)
	switch {
	case errors.Is(err.Err, jsontext.ErrDuplicateName):
		return invalid(field, "given twice")
	case size == 0:
		return invalid(field, "expected JSON, got nothing")
	default:
		return invalid(field, "no valid JSON at byte %d: %v", err.ByteOffset, err.Err)
	}
}

func unfitting(root reflect.Type, err *json.SemanticError) error {
	field := fieldPath(root, err.JSONPointer)
	if errors.Is(err.Err, json.ErrUnknownName) {
		name := err.JSONPointer.LastToken()
		if close := closest(name, fieldNames(err.GoType)); close != "" {
			return invalid(field, "unknown field: did you mean %q?", close).with("closest", close)
		}
		return invalid(field, "unknown field")
	}
	if own, ok := errors.AsType[*Error](err.Err); ok {
		return invalid(field, "%s", own.Message)
	}
	expected, got := expectation(err.GoType), kindName(err.JSONKind)
	// A number is shown, text is not: it may be a secret that was given in the wrong place.
	if err.JSONKind == '0' && len(err.JSONValue) > 0 {
		got = shorten(string(err.JSONValue))
	}
	message := fmt.Sprintf("expected %s, got %s", expected, got)
	if err.JSONKind == 0 || err.JSONKind == '"' && expected == "text" {
		message = fmt.Sprintf("expected %s: %v", expected, err.Err)
	}
	return invalid(field, "%s", message).with("expected", expected).with("got", got)
}

// fieldPath writes a JSON pointer as a user would: values_files[3], labels.app.
func fieldPath(t reflect.Type, pointer jsontext.Pointer) string {
	var path strings.Builder
	for token := range pointer.Tokens() {
		t = indirect(t)
		_, notNumber := strconv.ParseUint(token, 10, 64)
		list := notNumber == nil
		if t != nil && (t.Kind() == reflect.Struct || t.Kind() == reflect.Map) {
			list = false
		}
		switch {
		case list:
			fmt.Fprintf(&path, "[%s]", token)
		case path.Len() > 0:
			path.WriteString("." + token)
		default:
			path.WriteString(token)
		}
		t = child(t, token)
	}
	return path.String()
}

func indirect(t reflect.Type) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// child is the type within t that the token leads to; nil where nothing says it.
func child(t reflect.Type, token string) reflect.Type {
	if t == nil {
		return nil
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Array, reflect.Map:
		if t == reflect.TypeFor[jsontext.Value]() {
			return nil
		}
		return t.Elem()
	case reflect.Struct:
		for _, field := range reflect.VisibleFields(t) {
			if fieldName(field) == token {
				return field.Type
			}
		}
	}
	return nil
}

func fieldNames(t reflect.Type) []string {
	var names []string
	if t = indirect(t); t != nil && t.Kind() == reflect.Struct {
		for _, field := range reflect.VisibleFields(t) {
			if name := fieldName(field); name != "" {
				names = append(names, name)
			}
		}
	}
	return names
}

// fieldName is the field's name in JSON; empty for one that has none.
func fieldName(field reflect.StructField) string {
	tag := field.Tag.Get("json")
	name, _, _ := strings.Cut(tag, ",")
	switch {
	case tag == "-" || !field.IsExported() || field.Anonymous && name == "":
		return ""
	case name == "":
		return field.Name
	default:
		return name
	}
}

func expectation(t reflect.Type) string {
	switch t = indirect(t); {
	case t == nil:
		return "another value"
	case t == reflect.TypeFor[[]byte]():
		return "text in base64"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Int:
		return fmt.Sprintf("an integer of %d bits", t.Bits())
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uint:
		return fmt.Sprintf("an integer of %d bits from 0 on", t.Bits())
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "an object"
	default:
		return "another value"
	}
}

func kindName(kind jsontext.Kind) string {
	switch kind {
	case 'n':
		return "null"
	case 't', 'f':
		return "true or false"
	case '"':
		return "text"
	case '0':
		return "a number"
	case '{':
		return "an object"
	case '[':
		return "a list"
	default:
		return "something else"
	}
}

// closest is the known name that a misspelt one most likely stands for.
func closest(name string, known []string) string {
	best, least := "", 1+min(len(name)/3, 3)
	for _, candidate := range known {
		if strings.EqualFold(strings.ReplaceAll(candidate, "_", ""), strings.ReplaceAll(strings.ReplaceAll(name, "-", ""), "_", "")) {
			return candidate
		}
		if distance := editDistance(name, candidate); distance < least {
			best, least = candidate, distance
		}
	}
	return best
}

// editDistance counts the characters to insert, drop or change.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
