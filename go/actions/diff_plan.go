package actions

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/kube"
	release "helm.sh/helm/v4/pkg/release/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/helm-sdkpy/helm-sdkpy/go/drift"
)

// planner is the client of a diff. It keeps what Helm's dry run builds, with the metadata that Helm then sets, and lets
// it pass over objects of kinds that the cluster does not know, which are told of and not the end of it.
type planner struct {
	*recorder

	mapper  func() (meta.RESTMapper, error)
	built   []kube.ResourceList
	unknown []unknown // of what was built last
}

// unknown is an object of a kind that the cluster does not know, and what it says to that.
type unknown struct {
	fields  *unstructured.Unstructured
	refusal string
}

// Build implements kube.Interface.
func (p *planner) Build(reader io.Reader, validate bool) (kube.ResourceList, error) {
	text, err := io.ReadAll(reader)
	if err != nil {
		return nil, err
	}
	p.unknown = nil
	resources, err := p.recorder.Build(bytes.NewReader(text), validate)
	if err != nil && (meta.IsNoMatchError(err) || strings.Contains(err.Error(), "no matches for kind")) {
		var known []byte
		if known, err = p.sift(text); err != nil {
			return nil, err
		}
		resources, err = p.recorder.Build(bytes.NewReader(known), validate)
	}
	p.built = append(p.built, resources)
	return resources, err
}

// sift takes the documents out of a manifest whose kind the cluster does not know.
func (p *planner) sift(manifest []byte) ([]byte, error) {
	mapper, err := p.mapper()
	if err != nil {
		return nil, err
	}
	var known []byte
	documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifest), 4096)
	for {
		var object unstructured.Unstructured
		if err := documents.Decode(&object.Object); errors.Is(err, io.EOF) {
			return known, nil
		} else if err != nil {
			return nil, fmt.Errorf("read the manifest: %w", err)
		}
		if len(object.Object) == 0 {
			continue
		}
		kind := object.GroupVersionKind()
		_, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
		if meta.IsNoMatchError(err) {
			p.unknown = append(p.unknown, unknown{&object, err.Error()})
			continue
		}
		document, err := object.MarshalJSON()
		if err != nil {
			return nil, err
		}
		known = append(append(known, "---\n"...), append(document, '\n')...)
	}
}

// lastTwo are what an upgrade builds last: what is deployed, and what is to be.
func (p *planner) lastTwo() (originals, targets kube.ResourceList) {
	if len(p.built) > 1 {
		originals = p.built[len(p.built)-2]
	}
	if len(p.built) > 0 {
		targets = p.built[len(p.built)-1]
	}
	return originals, targets
}

// missing are the objects of unknown kinds: refused with what the cluster says to them, unless their kind is among those
// that will be there.
func (p *planner) missing(namespace, coming string, rules drift.Rules) ([]drift.Object, error) {
	var objects []drift.Object
	for _, one := range p.unknown {
		refusal := one.refusal
		if kind := one.fields.GroupVersionKind(); strings.Contains(coming, "\n"+kind.Group+"/"+kind.Kind+"\n") {
			refusal = ""
		}
		object, err := drift.Missing(one.fields, namespace, refusal, rules)
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	return objects, nil
}

// comparison is what Helm's dry run came to.
type comparison struct {
	originals, targets kube.ResourceList
	chart              *release.Release
	hooks              []*release.Hook // of the revision before
	install            bool
	method             drift.Method
}

// compare asks the cluster about each object: definitions of crds/ first, then the manifest's in its order, then hooks.
func (s *scope) compare(request DiffRequest, build *planner, what comparison) ([]drift.Object, error) {
	s.phase("comparing")
	defer s.client.NoReadAhead()()
	rules := request.rules()
	unknown := build.unknown
	objects, coming, err := s.definitions(request, build, what, rules)
	if err != nil {
		return nil, err
	}
	plan := drift.Plan{Originals: what.originals, Targets: what.targets, Method: what.method, Rules: rules, Namespaces: map[string]bool{}}
	for _, info := range what.targets {
		if info.Mapping.GroupVersionKind.Kind == "Namespace" && info.Mapping.GroupVersionKind.Group == "" {
			plan.Namespaces[info.Name] = true
		}
	}
	if what.install && request.CreateNamespace {
		plan.Namespaces[s.namespace] = true
		made, err := s.newNamespace(build, rules)
		if err != nil {
			return nil, err
		}
		objects = append(objects, made...)
	}
	found, err := plan.Objects(s.op.Context())
	if err != nil {
		return nil, err
	}
	build.unknown = unknown
	missing, err := build.missing(what.chart.Namespace, coming, rules)
	if err != nil {
		return nil, err
	}
	objects = slices.Concat(objects, found, missing)
	if request.NoHooks {
		return objects, nil
	}
	hooks, err := hookChanges(what.hooks, what.chart.Hooks, what.chart.Namespace, rules)
	return append(objects, hooks...), err
}

// newNamespace is the release's own namespace, where an install would make it.
func (s *scope) newNamespace(build *planner, rules drift.Rules) ([]drift.Object, error) {
	manifest := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": %q, "labels": {"name": %q}}}`, s.namespace, s.namespace)
	resources, err := build.recorder.Build(strings.NewReader(manifest), false)
	if err != nil {
		return nil, err
	}
	if err := resources[0].Get(); err == nil {
		return nil, nil // helm leaves one that is there as it is
	}
	var fields unstructured.Unstructured
	if err := fields.UnmarshalJSON([]byte(manifest)); err != nil {
		return nil, err
	}
	object, err := drift.Missing(&fields, "", "", rules)
	return []drift.Object{object}, err
}

// definitions are those of the chart's crds/, and the kinds that an install would make known with them.
func (s *scope) definitions(request DiffRequest, build *planner, what comparison, rules drift.Rules) (objects []drift.Object, coming string, err error) {
	if what.chart.Chart == nil {
		return nil, "", nil
	}
	install := what.install && !request.SkipCRDs
	for _, file := range what.chart.Chart.CRDObjects() {
		if install {
			coming += kindsOf(file)
		}
		resources, err := build.recorder.Build(bytes.NewReader(file.File.Data), false)
		if err != nil {
			return nil, "", fmt.Errorf("%s: %w", file.Filename, err)
		}
		for _, info := range resources {
			object, err := drift.Definition(info, install, rules)
			if err != nil {
				return nil, "", err
			}
			objects = append(objects, object)
		}
	}
	return objects, coming, nil
}

func kindsOf(file chart.CRD) string {
	kinds := "\n"
	documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(file.File.Data), 4096)
	for {
		var object struct {
			Spec struct {
				Group string                `json:"group"`
				Names struct{ Kind string } `json:"names"`
			} `json:"spec"`
		}
		if err := documents.Decode(&object); err != nil {
			return kinds
		}
		kinds += object.Spec.Group + "/" + object.Spec.Names.Kind + "\n"
	}
}

// hookChanges are the hooks that two revisions do not have alike. The cluster is not asked: helm makes each anew.
func hookChanges(before, after []*release.Hook, namespace string, rules drift.Rules) ([]drift.Object, error) {
	was, err := hookObjects(before, namespace)
	if err != nil {
		return nil, err
	}
	is, err := hookObjects(after, namespace)
	if err != nil {
		return nil, err
	}
	var objects []drift.Object
	add := func(from, to *unstructured.Unstructured) error {
		object, err := drift.Hook(from, to, rules)
		objects = append(objects, object)
		return err
	}
	for _, hook := range is {
		i := slices.IndexFunc(was, func(other *unstructured.Unstructured) bool { return sameObject(hook, other) })
		var from *unstructured.Unstructured
		if i >= 0 {
			from = was[i]
			was = slices.Delete(was, i, i+1)
		}
		if err := add(from, hook); err != nil {
			return nil, err
		}
	}
	for _, hook := range was {
		if err := add(hook, nil); err != nil {
			return nil, err
		}
	}
	return objects, nil
}

func hookObjects(hooks []*release.Hook, namespace string) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for _, hook := range hooks {
		var object unstructured.Unstructured
		if err := yaml.Unmarshal([]byte(hook.Manifest), &object.Object); err != nil {
			return nil, fmt.Errorf("read the hook %s: %w", hook.Path, err)
		}
		if object.GetNamespace() == "" {
			object.SetNamespace(namespace)
		}
		objects = append(objects, &object)
	}
	return objects, nil
}

func sameObject(a, b *unstructured.Unstructured) bool {
	return a.GroupVersionKind() == b.GroupVersionKind() && a.GetNamespace() == b.GetNamespace() && a.GetName() == b.GetName()
}
