package drift

import (
	"fmt"

	"github.com/wI2L/jsondiff"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// compare fills in what differs between an object in the cluster and what would be there instead. One of them may be
// nil: then the whole object comes, or goes.
func (o *Object) compare(live, after *unstructured.Unstructured, rules Rules) error {
	was, err := document(fieldsOf(live))
	if err != nil {
		return err
	}
	is, err := document(fieldsOf(after))
	if err != nil {
		return err
	}
	owners := ownersOf(live)
	if !rules.ShowSecrets && (isSecret(was) || isSecret(is)) {
		mask(was, is)
	}
	if was == nil || is == nil {
		o.before, o.after = was, is
		o.Changes = whole(was, is)
		return nil
	}
	for _, pointer := range rules.pointers(*o) {
		remove(was, pointer)
		remove(is, pointer)
	}
	owners.leave(was, is, rules.Managers)
	patch, err := jsondiff.CompareWithoutMarshal(was, is, jsondiff.LCS())
	if err != nil {
		return fmt.Errorf("compare the object: %w", err)
	}
	o.Changes = make([]Change, 0, len(patch))
	for _, operation := range patch {
		o.Changes = append(o.Changes, Change{
			Op: operation.Type, Path: operation.Path, Before: operation.OldValue, After: operation.Value,
			Managers: owners.of(was, parsePointer(operation.Path)),
		})
	}
	o.before, o.after = was, is
	return nil
}

func whole(before, after map[string]any) []Change {
	switch {
	case before == nil && after == nil:
		return []Change{}
	case before == nil:
		return []Change{{Op: jsondiff.OperationAdd, After: after, Managers: []string{}}}
	default:
		return []Change{{Op: jsondiff.OperationRemove, Before: before, Managers: []string{}}}
	}
}

func fieldsOf(object *unstructured.Unstructured) map[string]any {
	if object == nil {
		return nil
	}
	return object.Object
}
