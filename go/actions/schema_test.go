package actions

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write testdata/schema.json anew")

// operations are the functions that the shim exports, by their own names.
var operations = []any{
	Create,
	DependencyBuild,
	DependencyList,
	DependencyUpdate,
	Diff,
	Ensure,
	GetAll,
	GetHooks,
	GetManifest,
	GetMetadata,
	GetNotes,
	GetValues,
	History,
	Install,
	Lint,
	List,
	Package,
	PluginInstall,
	PluginList,
	PluginPackage,
	PluginUninstall,
	PluginUpdate,
	PluginVerify,
	Pull,
	Push,
	Recover,
	RegistryLogin,
	RegistryLogout,
	RepoAdd,
	RepoIndex,
	RepoList,
	RepoRemove,
	RepoUpdate,
	Rollback,
	SearchHub,
	SearchRepo,
	ShowAll,
	ShowCRDs,
	ShowChart,
	ShowReadme,
	ShowValues,
	Status,
	Template,
	Test,
	Uninstall,
	Upgrade,
	Verify,
	Wait,
}

// field is one key of an object.
type field struct {
	Optional bool `json:"optional,omitempty"` // left out where it is empty
	Schema   any  `json:"schema"`
}

// wireSchema tells the JSON of types: a name of "types", or what a value is made of.
type wireSchema struct {
	Types    map[string]map[string]field `json:"types"`
	Requests map[string]any              `json:"requests"`
	Results  map[string]any              `json:"results"`
}

// TestSchema holds testdata/schema.json to the request and result structs; tests/unit/test_schema.py holds the TypedDicts
// of Python to it. After a change: go test ./actions -run TestSchema -update
func TestSchema(t *testing.T) {
	t.Parallel()
	described := wireSchema{Types: map[string]map[string]field{}, Requests: map[string]any{}, Results: map[string]any{}}
	for _, operation := range operations {
		function := reflect.TypeOf(operation)
		name := nameOf(operation)
		described.Requests[name] = described.of(function.In(2))
		described.Results[name] = described.of(function.Out(0))
	}
	text, err := json.MarshalIndent(described, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	path := filepath.Join("testdata", "schema.json")
	if *update {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(written) != string(text) {
		t.Fatal("testdata/schema.json is not what the structs are: go test ./actions -run TestSchema -update")
	}
}

// TestSchemaIsOfAllOperations finds what the shim exports beyond those.
func TestSchemaIsOfAllOperations(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "shim", "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var exported []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`start\(config, op, request, actions\.(\w+)\)`).FindAllStringSubmatch(string(text), -1) {
			exported = append(exported, found[1])
		}
	}
	var known []string
	for _, operation := range operations {
		known = append(known, nameOf(operation))
	}
	slices.Sort(exported)
	slices.Sort(known)
	if !slices.Equal(exported, known) {
		t.Fatalf("the shim exports %v, and operations are %v", exported, known)
	}
}

// nameOf is a function's own name.
func nameOf(function any) string {
	name := runtime.FuncForPC(reflect.ValueOf(function).Pointer()).Name()
	return name[strings.LastIndex(name, ".")+1:]
}

func (s wireSchema) of(kind reflect.Type) any {
	if kind == reflect.TypeFor[time.Time]() {
		return "string"
	}
	if kind == reflect.TypeFor[json.RawMessage]() {
		return "any"
	}
	switch kind.Kind() {
	case reflect.Pointer:
		return s.of(kind.Elem())
	case reflect.Bool:
		return "boolean"
	case reflect.String:
		return "string"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Interface:
		return "any"
	case reflect.Slice, reflect.Array:
		if kind.Elem().Kind() == reflect.Uint8 {
			return "string"
		}
		return map[string]any{"list": s.of(kind.Elem())}
	case reflect.Map:
		return map[string]any{"mapping": s.of(kind.Elem())}
	case reflect.Struct:
		return s.object(kind)
	default:
		return "integer"
	}
}

func (s wireSchema) object(kind reflect.Type) any {
	name := kind.String()
	if _, known := s.Types[name]; !known {
		s.Types[name] = map[string]field{}
		s.fields(kind, s.Types[name])
	}
	return name
}

func (s wireSchema) fields(kind reflect.Type, into map[string]field) {
	for i := range kind.NumField() {
		one := kind.Field(i)
		key, options, _ := strings.Cut(one.Tag.Get("json"), ",")
		switch {
		case one.Anonymous && key == "":
			embedded := one.Type
			if embedded.Kind() == reflect.Pointer {
				embedded = embedded.Elem()
			}
			s.fields(embedded, into)
		case !one.IsExported() || key == "-":
		default:
			if key == "" {
				key = one.Name
			}
			into[key] = field{Optional: strings.Contains(options, "omit"), Schema: s.of(one.Type)}
		}
	}
}
