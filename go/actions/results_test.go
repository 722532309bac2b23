package actions

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/release/common"
	release "helm.sh/helm/v4/pkg/release/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// same says whether two JSON texts hold the same.
func same(t *testing.T, one, other []byte) bool {
	t.Helper()
	var read [2]any
	must(t, json.Unmarshal(one, &read[0]))
	must(t, json.Unmarshal(other, &read[1]))
	return reflect.DeepEqual(read[0], read[1])
}

func TestInfoIsHelmsOwnJSON(t *testing.T) {
	t.Parallel()
	pod := unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "<a> & b", "generation": int64(1) << 60},
	}}
	list := &unstructured.UnstructuredList{
		Object: map[string]any{"apiVersion": "v1", "kind": "PodList", "metadata": map[string]any{"resourceVersion": "7"}},
		Items:  []unstructured.Unstructured{pod},
	}
	nothing := &unstructured.UnstructuredList{Object: map[string]any{"apiVersion": "v1", "kind": "PodList"}}
	for name, info := range map[string]*release.Info{
		"empty": {},
		"full": {
			FirstDeployed: time.Unix(1, 5), LastDeployed: time.Unix(2, 0).UTC(), Deleted: time.Unix(3, 0),
			Description: "<done> \u2028", Status: common.StatusDeployed, RollbackRevision: 3, Notes: "a\nb & c",
			Resources: map[string][]runtime.Object{"v1/Pod": {&pod}, "v1/Pod(related)": {list, nothing}, "v1/None": {}},
		},
		"no objects": {Status: common.StatusFailed, Resources: map[string][]runtime.Object{}},
	} {
		want, err := json.Marshal(info)
		must(t, err)
		got, err := bridge.Encode(infoResult(info))
		must(t, err)
		if !same(t, got, want) {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestKeptRevisionsAreTheirJSON(t *testing.T) {
	t.Parallel()
	var made, kept Revisions
	for _, name := range []string{"<one>", "two"} {
		rel := &release.Release{
			Name: name, Version: 2, Info: &release.Info{Status: common.StatusDeployed, LastDeployed: time.Unix(1, 0)},
			Chart: &v2.Chart{Metadata: &v2.Metadata{Name: "shop", Version: "1", Annotations: map[string]string{"b": "1", "a": "2"}}},
		}
		made, kept = append(made, revisionResult(rel), historyResult(rel)), append(kept, keep(rel).listed(), keep(rel).inHistory())
	}
	for _, pair := range [][2]Revisions{{made, kept}, {nil, {}}} {
		want, err := bridge.Encode([]Revision(pair[0]))
		must(t, err)
		if pair[0] == nil {
			want = []byte("[]")
		}
		for _, revisions := range pair {
			got, err := bridge.Encode(revisions)
			must(t, err)
			if string(got) != string(want) {
				t.Errorf("%s, want %s", got, want)
			}
		}
	}
}
