package drift

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
	"helm.sh/helm/v4/pkg/kube"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// atOnce is how many objects are asked for at a time.
const atOnce = 8

// tries bounds how often an object is looked at that is written meanwhile.
const tries = 4

// Annotations that have drift pass an object over: one of its own, and the one that flux's helm-controller heeds.
var passedOver = map[string]string{
	"helm-sdkpy/drift":                      "ignore",
	"helm.toolkit.fluxcd.io/driftDetection": "disabled",
}

// Plan is what is to be compared.
type Plan struct {
	Originals, Targets kube.ResourceList
	Method             Method
	Rules              Rules
	// Namespaces are those that would be made before.
	Namespaces map[string]bool
	// Annotations has objects passed over that say so; an upgrade takes no notice of it.
	Annotations bool
}

// Objects says what would become of each object: of the targets in their order, then of the originals that are none.
func (p Plan) Objects(ctx context.Context) ([]Object, error) {
	gone := p.Originals.Difference(p.Targets)
	objects := make([]Object, len(p.Targets)+len(gone))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i := range objects {
		group.Go(func() error {
			return bridge.Guard("a dry run", func() (err error) {
				if err := ctx.Err(); err != nil {
					return err
				}
				if i < len(p.Targets) {
					objects[i], err = p.target(p.Targets[i])
				} else {
					objects[i], err = p.gone(gone[i-len(p.Targets)])
				}
				return err
			})
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return objects, nil
}

// Named is an object that nothing is known of yet.
func Named(info *resource.Info) Object {
	version, kind := info.Mapping.GroupVersionKind.ToAPIVersionAndKind()
	object := Object{APIVersion: version, Kind: kind, Name: info.Name, Action: ActionNone, Changes: []Change{}}
	if info.Namespaced() {
		object.Namespace = info.Namespace
	}
	return object
}

func (p Plan) target(target *resource.Info) (Object, error) {
	object := Named(target)
	if p.Rules.whole(object) {
		return object, nil
	}
	if object.Name == "" {
		return p.create(object, target)
	}
	for try := 1; ; try++ {
		live, err := read(target)
		if err != nil {
			return object, err
		}
		if live == nil {
			return p.create(object, target)
		}
		if p.Annotations && (passes(live.Object) || passes(target.Object)) {
			object.Action, object.Message = ActionSkip, "an annotation says that it may differ"
			return object, nil
		}
		after, err := p.Method.update(p.original(target), live, target)
		if apierrors.IsNotFound(err) && try < tries {
			continue // it was deleted meanwhile
		}
		found, version, err := p.changed(object, live, target, after, err)
		if err != nil || found.Action == ActionNone || version == "" || version == asUnstructured(live.Object).GetResourceVersion() || try == tries {
			return found, err
		}
		// It was written between the two requests: what differs may be that.
	}
}

// original is what helm takes for what was deployed before (helm: pkg/action/upgrade.go, performUpgrade: an object that
// is adopted has been what it is to be).
func (p Plan) original(target *resource.Info) *resource.Info {
	if original := p.Originals.Get(target); original != nil {
		return original
	}
	return target
}

// changed tells what the server's answer means. It gives the version of the object that the server looked at, too.
func (p Plan) changed(object Object, live, target *resource.Info, after *unstructured.Unstructured, err error) (Object, string, error) {
	conflicts := conflictsOf(err)
	switch {
	case err == nil:
	case len(conflicts) > 0:
		object.Action, object.Message = ActionConflict, redact(err.Error(), fieldsOf(asUnstructured(target.Object)), fieldsOf(asUnstructured(live.Object)))
		// What it would be with force_conflicts.
		if after, err = p.Method.applyServerSide(target, true); err != nil {
			return p.refuse(object, live, target, err)
		}
	default:
		return p.refuse(object, live, target, err)
	}
	if err := object.compare(asUnstructured(live.Object), after, p.Rules); err != nil {
		return object, "", err
	}
	if object.Action == ActionNone && len(object.Changes) > 0 {
		object.Action = ActionChange
	}
	return object, after.GetResourceVersion(), nil
}

func (p Plan) refuse(object Object, live, target *resource.Info, err error) (Object, string, error) {
	if !refused(err) {
		return object, "", name(object, err)
	}
	object.Action = ActionRefused
	var was *unstructured.Unstructured
	if live != nil {
		was = asUnstructured(live.Object)
	}
	object.Message = redact(err.Error(), fieldsOf(asUnstructured(target.Object)), fieldsOf(was))
	return object, "", nil
}

// create shows an object that is not there as its manifest has it; the server is asked whether it would take it.
func (p Plan) create(object Object, target *resource.Info) (Object, error) {
	object.Action = ActionCreate
	_, err := p.Method.create(target)
	switch {
	case err == nil:
	case noNamespace(err) && p.Namespaces[target.Namespace]:
	default:
		if object, _, err = p.refuse(object, nil, target, err); err != nil {
			return object, err
		}
	}
	return object, object.compare(nil, asUnstructured(target.Object), p.Rules)
}

// gone is an object that was deployed and is to be no more.
func (p Plan) gone(original *resource.Info) (Object, error) {
	object := Named(original)
	if p.Rules.whole(object) {
		return object, nil
	}
	live, err := read(original)
	if err != nil || live == nil {
		return object, err
	}
	object.Action = ActionDelete
	if asUnstructured(live.Object).GetAnnotations()[kube.ResourcePolicyAnno] == kube.KeepPolicy {
		object.Action = ActionKeep
		return object, nil
	}
	return object, object.compare(asUnstructured(live.Object), nil, p.Rules)
}

// Definition is a CustomResourceDefinition of the chart's crds/: helm makes one that is missing when it installs, and
// never touches one that is there.
func Definition(info *resource.Info, install bool, rules Rules) (Object, error) {
	object := Named(info)
	object.CRD = true
	live, err := read(info)
	if err != nil || rules.whole(object) {
		return object, err
	}
	plan := Plan{Method: Method{ServerSide: true, ForceConflicts: true, Validation: kube.FieldValidationDirectiveIgnore}, Rules: rules}
	switch {
	case live == nil && install:
		object.Action = ActionCreate
		return object, object.compare(nil, asUnstructured(info.Object), rules)
	case live == nil:
		object.Action, object.Message = ActionSkip, "it is not in the cluster: helm makes what is in crds/ with an install only"
		return object, object.compare(nil, asUnstructured(info.Object), rules)
	}
	after, err := plan.Method.applyServerSide(info, true)
	object, _, err = plan.changed(object, live, info, after, err)
	if err == nil && object.Action != ActionNone {
		object.Action, object.Message = ActionSkip, "it differs from the chart's: helm never changes what is in crds/"
	}
	return object, err
}

// Hook is what becomes of a hook between two revisions; one of the two may be nil.
func Hook(was, is *unstructured.Unstructured, rules Rules) (Object, error) {
	one := is
	if one == nil {
		one = was
	}
	object := Object{
		APIVersion: one.GetAPIVersion(), Kind: one.GetKind(), Namespace: one.GetNamespace(), Name: one.GetName(),
		Action: ActionNone, Hook: true, Changes: []Change{},
	}
	if rules.whole(object) {
		return object, nil
	}
	if err := object.compare(was, is, rules); err != nil {
		return object, err
	}
	switch {
	case was == nil:
		object.Action = ActionCreate
	case is == nil:
		object.Action = ActionDelete
	case len(object.Changes) > 0:
		object.Action = ActionChange
	}
	return object, nil
}

// Missing is an object of a kind that the cluster does not know.
func Missing(fields *unstructured.Unstructured, namespace, refusal string, rules Rules) (Object, error) {
	object := Object{
		APIVersion: fields.GetAPIVersion(), Kind: fields.GetKind(), Namespace: fields.GetNamespace(), Name: fields.GetName(),
		Action: ActionCreate, Message: refusal, Changes: []Change{},
	}
	if object.Namespace == "" {
		object.Namespace = namespace
	}
	if refusal != "" {
		object.Action = ActionRefused
	}
	return object, object.compare(nil, fields, rules)
}

// read gives an object as the cluster has it; nil where it is not there.
func read(info *resource.Info) (*resource.Info, error) {
	object, err := resource.NewHelper(info.Client, info.Mapping).Get(info.Namespace, info.Name)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, name(Named(info), err)
	}
	live := *info
	live.Object = object
	return &live, nil
}

func passes(object any) bool {
	read, ok := object.(*unstructured.Unstructured)
	if !ok {
		return false
	}
	annotations := read.GetAnnotations()
	for annotation, value := range passedOver {
		if annotations[annotation] == value {
			return true
		}
	}
	return false
}

// name says which object an error is about, where the server's words do not.
func name(object Object, err error) error {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return err
	}
	return fmt.Errorf("%s %q: %w", object.Kind, object.Name, err)
}

func asUnstructured(object any) *unstructured.Unstructured {
	read, _ := object.(*unstructured.Unstructured)
	return read
}
