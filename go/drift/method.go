package drift

import (
	"encoding/json"
	"fmt"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"helm.sh/helm/v4/pkg/kube"
	apiextv1beta1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"
	"k8s.io/apimachinery/pkg/util/mergepatch"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/helm-sdkpy/helm-sdkpy/go/watch"
)

// Method is how objects would be written.
type Method struct {
	ServerSide     bool
	ForceConflicts bool
	ForceReplace   bool
	// Migrate is a release that was applied by the client and now is by the server: helm hands its fields over first.
	Migrate bool
	// Whole has the client's patch of a custom resource look at the cluster too. Helm's does not: it sends what changed
	// between two manifests (helm: pkg/kube/client.go, createPatch). For drift that would be nothing, always.
	Whole bool
	// Validation is Strict where objects are to be written, as in Helm's Update.
	Validation kube.FieldValidationDirective

	write bool // do it
}

// create asks the server what it would make of an object that is not there.
func (m Method) create(target *resource.Info) (*unstructured.Unstructured, error) {
	if m.ServerSide && target.Name != "" {
		return m.applyServerSide(target, m.ForceConflicts)
	}
	return answer(m.helper(target).Create(target.Namespace, false, target.Object.DeepCopyObject()))
}

// update asks the server what it would make of an object that is there.
func (m Method) update(original, live, target *resource.Info) (*unstructured.Unstructured, error) {
	switch {
	case m.ForceReplace && !m.ServerSide:
		return answer(m.helper(target).Replace(target.Namespace, target.Name, true, target.Object.DeepCopyObject()))
	case m.ServerSide && !m.Migrate:
		after, err := m.applyServerSide(target, m.ForceConflicts)
		if err != nil && m.Whole && refused(err) {
			// The server takes a port whose protocol is null for another one than the same port of before. It took it once.
			return m.applyServerSide(withoutNulls(target), m.ForceConflicts)
		}
		return after, err
	case m.ServerSide:
		// Helm's two steps can not be tried one after the other, since the first would have to be kept. Together they do
		// what the client's patch does, and what others own is refused as ever.
		if _, err := m.applyServerSide(target, m.ForceConflicts); conflictsOf(err) != nil {
			return nil, err
		}
	}
	return m.applyClientSide(original, live, target)
}

// withoutNulls is an object without the fields that are null.
func withoutNulls(target *resource.Info) *resource.Info {
	stripped := *target
	copied := target.Object.DeepCopyObject().(*unstructured.Unstructured)
	dropNulls(copied.Object)
	stripped.Object = copied
	return &stripped
}

func dropNulls(within any) {
	switch value := within.(type) {
	case map[string]any:
		for key, field := range value {
			if field == nil {
				delete(value, key)
			} else {
				dropNulls(field)
			}
		}
	case []any:
		for _, item := range value {
			dropNulls(item)
		}
	}
}

// applyServerSide is Helm's patchResourceServerSide.
func (m Method) applyServerSide(target *resource.Info, force bool) (*unstructured.Unstructured, error) {
	data, err := runtime.Encode(unstructured.UnstructuredJSONScheme, target.Object)
	if err != nil {
		return nil, fmt.Errorf("encode the object: %w", err)
	}
	return answer(m.helper(target).Patch(target.Namespace, target.Name, types.ApplyPatchType, data, &metav1.PatchOptions{Force: &force}))
}

// applyClientSide is Helm's patchResourceClientSide.
func (m Method) applyClientSide(original, live, target *resource.Info) (*unstructured.Unstructured, error) {
	patch, kind, err := m.patch(original, live, target)
	if err != nil {
		return nil, fmt.Errorf("failed to create patch: %w", err)
	}
	if patch == nil || string(patch) == "{}" {
		return answer(live.Object, nil)
	}
	return answer(m.helper(target).Patch(target.Namespace, target.Name, kind, patch, nil))
}

// patch is Helm's createPatch.
func (m Method) patch(original, live, target *resource.Info) ([]byte, types.PatchType, error) {
	var texts [3][]byte
	for i, info := range []*resource.Info{original, target, live} {
		text, err := json.Marshal(info.Object)
		if err != nil {
			return nil, "", err
		}
		texts[i] = text
	}
	was, is, current := texts[0], texts[1], texts[2]
	versioned := kube.AsVersioned(target)
	_, isUnstructured := versioned.(runtime.Unstructured)
	if _, isDefinition := versioned.(*apiextv1beta1.CustomResourceDefinition); isUnstructured || isDefinition {
		if !m.Whole {
			patch, err := jsonpatch.CreateMergePatch(was, is)
			return patch, types.MergePatchType, err
		}
		patch, err := jsonmergepatch.CreateThreeWayJSONMergePatch(was, is, current,
			mergepatch.RequireKeyUnchanged("apiVersion"), mergepatch.RequireKeyUnchanged("kind"), mergepatch.RequireMetadataKeyUnchanged("name"))
		return patch, types.MergePatchType, err
	}
	meta, err := strategicpatch.NewPatchMetaFromStruct(versioned)
	if err != nil {
		return nil, "", fmt.Errorf("unable to create patch metadata from object: %w", err)
	}
	patch, err := strategicpatch.CreateThreeWayMergePatch(was, is, current, meta, true)
	return patch, types.StrategicMergePatchType, err
}

func (m Method) helper(target *resource.Info) *resource.Helper {
	helper := dryRun(target).DryRun(!m.write)
	// A client's patch is not validated (helm: pkg/kube/client.go, patchResourceClientSide).
	if m.ServerSide || m.ForceReplace {
		helper = helper.WithFieldValidation(string(m.Validation))
	}
	return helper
}

// dryRun is what all requests of this package that are no reads go through; Repair alone turns it off.
func dryRun(target *resource.Info) *resource.Helper {
	return resource.NewHelper(target.Client, target.Mapping).DryRun(true).WithFieldManager(watch.FieldManager())
}

func answer(object runtime.Object, err error) (*unstructured.Unstructured, error) {
	if err != nil {
		return nil, err
	}
	read, ok := object.(*unstructured.Unstructured)
	if !ok {
		return nil, fmt.Errorf("the server answered with a %T", object)
	}
	return read, nil
}
