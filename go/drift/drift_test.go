package drift

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func objectOf(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	var object unstructured.Unstructured
	if err := object.UnmarshalJSON([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return &object
}

func compared(t *testing.T, live, after string, rules Rules) Object {
	t.Helper()
	object := Object{APIVersion: "v1", Kind: "ConfigMap", Namespace: "web", Name: "shop"}
	if err := object.compare(objectOf(t, live), objectOf(t, after), rules); err != nil {
		t.Fatal(err)
	}
	return object
}

const managed = `{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shop", "resourceVersion": "5", "managedFields": [
	{"manager": "helm", "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
	{"manager": "scaler", "operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {
		"f:containers": {"k:{\"name\":\"b\"}": {"f:image": {}}}, "f:words": {"v:\"x\"": {}}}}},
	{"manager": "kubelet", "operation": "Update", "subresource": "status", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
]}, "spec": {"replicas": 3, "words": ["x"], "containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}]}, "status": {"a": 1}}`

func TestCompare(t *testing.T) {
	t.Parallel()
	after := strings.NewReplacer(`"replicas": 3`, `"replicas": 4`, `"image": "2"`, `"image": "3"`, `"resourceVersion": "5"`, `"resourceVersion": "6"`).Replace(managed)
	found := compared(t, managed, after, Rules{}).Changes
	want := []Change{
		{Op: "replace", Path: "/spec/containers/1/image", Before: "2", After: "3", Managers: []string{"scaler"}},
		{Op: "replace", Path: "/spec/replicas", Before: json.Number("3"), After: json.Number("4"), Managers: []string{"helm"}},
	}
	if !reflect.DeepEqual(found, want) {
		t.Errorf("got %v, want %v", found, want)
	}
	for name, rules := range map[string]Rules{
		"manager": {Managers: []string{"scaler"}},
		"path":    {Ignore: []Rule{{Paths: []string{"/spec/containers/1/image"}}}},
		"pattern": {Ignore: []Rule{{Paths: []string{"/spec/containers/*/image"}, Kind: "Conf*", Namespace: "we?"}}},
	} {
		if found := compared(t, managed, after, rules).Changes; len(found) != 1 || found[0].Path != "/spec/replicas" {
			t.Errorf("%s: %v", name, found)
		}
	}
	if found := compared(t, managed, after, Rules{Ignore: []Rule{{Paths: []string{"/spec"}, Kind: "Secret"}}}).Changes; len(found) != 2 {
		t.Errorf("a rule for others: %v", found)
	}
	if found := compared(t, managed, managed, Rules{}).Changes; len(found) != 0 {
		t.Errorf("the same: %v", found)
	}
}

func TestLargeNumbersStayWhole(t *testing.T) {
	t.Parallel()
	text := `{"apiVersion": "v1", "kind": "ConfigMap", "data": 9007199254740993}`
	found := compared(t, text, strings.ReplaceAll(text, "0993", "0992"), Rules{}).Changes
	if len(found) != 1 || found[0].Before != json.Number("9007199254740993") {
		t.Errorf("got %v", found)
	}
}

func TestPointersAreEscaped(t *testing.T) {
	t.Parallel()
	text := `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"annotations": {"example.com/a~b": "1"}}}`
	after := strings.ReplaceAll(text, `"1"`, `"2"`)
	found := compared(t, text, after, Rules{}).Changes
	if len(found) != 1 || found[0].Path != "/metadata/annotations/example.com~1a~0b" {
		t.Fatalf("got %v", found)
	}
	if found := compared(t, text, after, Rules{Ignore: []Rule{{Paths: []string{found[0].Path}}}}).Changes; len(found) != 0 {
		t.Errorf("it is not ignored: %v", found)
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	was := `{"apiVersion": "v1", "kind": "Secret", "data": {"same": "c2FtZQ==", "other": "b25l", "gone": "Z29uZQ=="},
		"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{b25l}", "shown": "a"}}}`
	is := `{"apiVersion": "v1", "kind": "Secret", "data": {"same": "c2FtZQ==", "other": "dHdv", "new": "bmV3"},
		"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{dHdv}", "shown": "b"}}}`
	object := compared(t, was, is, Rules{})
	want := map[string][2]any{
		"/data/other": {"*** (before)", "*** (after)"}, "/data/gone": {"***", nil}, "/data/new": {nil, "***"},
		"/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration": {"*** (before)", "*** (after)"},
		"/metadata/annotations/shown": {"a", "b"},
	}
	found := map[string][2]any{}
	for _, change := range object.Changes {
		found[change.Path] = [2]any{change.Before, change.After}
	}
	if !reflect.DeepEqual(found, want) {
		t.Errorf("got %v, want %v", found, want)
	}
	object.Action = ActionChange
	text, err := Text([]Object{object}, 3, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"c2FtZQ", "b25l", "dHdv", "Z29uZQ", "bmV3"} {
		if strings.Contains(text, value) {
			t.Errorf("%s is in\n%s", value, text)
		}
	}
	if got := redact(`invalid: "one" and b25l, 7`, objectOf(t, was).Object); got != `invalid: "***" and ***, 7` {
		t.Errorf("redacted: %s", got)
	}
}

func TestRulesThatAreNone(t *testing.T) {
	t.Parallel()
	for _, rule := range []Rule{{}, {Paths: []string{"spec"}}, {Paths: []string{""}, Name: "["}} {
		if rule.Validate() == nil {
			t.Errorf("%+v is taken", rule)
		}
	}
	if err := (Rule{Paths: []string{"", "/spec"}, APIVersion: "apps/*"}).Validate(); err != nil {
		t.Error(err)
	}
}
