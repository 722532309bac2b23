package template

import (
	"bytes"
	"flag"
	"fmt"
	"go/format"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/engine"
	release "helm.sh/helm/v4/pkg/release/v1"
)

var update = flag.Bool("update", false, "write methods.go anew")

const file = "methods.go"

// TestEveryMethodThatATemplateCanCall walks from all that templates are given, and from what their functions return,
// over fields, elements and the results of methods.
func TestEveryMethodThatATemplateCanCall(t *testing.T) {
	found := reach{types: map[reflect.Type]bool{}, methods: map[string]bool{}}
	for _, root := range roots(t) {
		found.walk(root)
	}
	for _, name := range []string{"Has", "Get", "Lines", "AsSecrets", "Year", "Format", "Hours", "LessThan", "YAML"} {
		if !found.methods[name] {
			t.Errorf("%s, which charts call, was not found", name)
		}
	}
	want := source(t, slices.Sorted(maps.Keys(found.methods)))
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what templates can call: go test ./internal/template -update", file)
	}
}

func TestMethodByName(t *testing.T) {
	day := reflect.ValueOf(time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC))
	if got := methodByName(day, "Year").Call(nil)[0].Int(); got != 2026 {
		t.Errorf("Year() = %d", got)
	}
	for _, name := range []string{"Nothing", "year", ""} {
		if methodByName(day, name).IsValid() {
			t.Errorf("%q is a method", name)
		}
	}
	if methodByName(day, "AsSecrets").IsValid() {
		t.Error("a time has the method of another type")
	}
}

// roots are the types of what Helm gives to templates (engine, `helm get all --template`, `helm version --template`),
// and of what the functions in them return.
func roots(t *testing.T) []reflect.Type {
	t.Helper()
	types := []reflect.Type{
		reflect.TypeFor[*release.Release](),
		reflect.TypeFor[*common.Capabilities](), // with the version's BuildInfo
		reflect.TypeFor[time.Duration](),        // Helm's own functions of durations
	}
	functions := sprig.TxtFuncMap()
	for _, function := range functions {
		types = append(types, reflect.TypeOf(function).Out(0))
	}
	// `.`, with the chart's metadata and files, as the engine makes it of a chart with another below it.
	capture := func(value any) string {
		types = append(types, dynamic(reflect.ValueOf(value))...)
		return ""
	}
	one := chart.Chart{
		Metadata:  &chart.Metadata{Name: "one", Version: "1.0.0", APIVersion: chart.APIVersionV2},
		Templates: []*common.File{{Name: "templates/all.yaml", Data: []byte(`{{ capture . }}`)}},
		Files:     []*common.File{{Name: "file", Data: []byte("text")}},
	}
	below := one
	below.Metadata = &chart.Metadata{Name: "below", Version: "1.0.0", APIVersion: chart.APIVersionV2}
	one.AddDependency(&below)
	values, err := util.ToRenderValues(&one, map[string]any{"a": map[string]any{"b": 1}}, common.ReleaseOptions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	engine := engine.Engine{CustomTemplateFuncs: template.FuncMap{"capture": capture}}
	if _, err := engine.RenderWithContext(t.Context(), &one, values); err != nil {
		t.Fatal(err)
	}
	return types
}

// dynamic is the type of a value and of all that is in its maps and slices, which their own types do not tell.
func dynamic(value reflect.Value) []reflect.Type {
	for value.Kind() == reflect.Interface {
		value = value.Elem()
	}
	if !value.IsValid() {
		return nil
	}
	types := []reflect.Type{value.Type()}
	switch value.Kind() {
	case reflect.Map:
		for _, key := range value.MapKeys() {
			types = append(types, dynamic(value.MapIndex(key))...)
		}
	case reflect.Slice:
		for i := range value.Len() {
			types = append(types, dynamic(value.Index(i))...)
		}
	}
	return types
}

type reach struct {
	types   map[reflect.Type]bool
	methods map[string]bool
}

func (r reach) walk(t reflect.Type) {
	if r.types[t] {
		return
	}
	r.types[t] = true
	// A template takes a field's address where it can, so that methods of the pointer count too.
	for _, holder := range []reflect.Type{t, reflect.PointerTo(t)} {
		for method := range holder.Methods() {
			if callable(method.Type) {
				r.methods[method.Name] = true
				r.walk(method.Type.Out(0))
			}
		}
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Chan:
		r.walk(t.Elem())
	case reflect.Map:
		r.walk(t.Key())
		r.walk(t.Elem())
	case reflect.Struct:
		for field := range t.Fields() {
			if field.IsExported() || field.Anonymous {
				r.walk(field.Type)
			}
		}
	case reflect.Func:
		if callable(t) {
			r.walk(t.Out(0))
		}
	}
}

// callable is the rule of text/template: one result, or one and an error.
func callable(function reflect.Type) bool {
	switch function.NumOut() {
	case 1:
		return true
	case 2:
		return function.Out(1) == reflect.TypeFor[error]()
	}
	return false
}

func source(t *testing.T, names []string) []byte {
	t.Helper()
	var text strings.Builder
	fmt.Fprintln(&text, "// Code generated by go test ./internal/template -update; DO NOT EDIT.\n\npackage template")
	fmt.Fprintln(&text, "\nimport \"reflect\"\n\n// methodByName is value.MethodByName(name) for each name that a template can call.")
	fmt.Fprintln(&text, "func methodByName(value reflect.Value, name string) reflect.Value {\nswitch name {")
	for _, name := range names {
		fmt.Fprintf(&text, "case %q:\nreturn value.MethodByName(%q)\n", name, name)
	}
	fmt.Fprintln(&text, "}\nreturn reflect.Value{}\n}")
	formatted, err := format.Source([]byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	return formatted
}
