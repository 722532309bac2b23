package drift

import (
	"fmt"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// owners are the fields of an object and who owns each, as its managedFields tell.
type owners []owned

type owned struct {
	manager string
	path    fieldpath.Path
}

// ownersOf reads an object's managedFields. What can not be read owns nothing: it is only used to name somebody.
func ownersOf(object *unstructured.Unstructured) owners {
	var found owners
	if object == nil {
		return nil
	}
	for _, entry := range object.GetManagedFields() {
		if entry.FieldsV1 == nil || entry.Subresource == "status" {
			continue
		}
		var fields fieldpath.Set
		if err := fields.FromJSON(entry.FieldsV1.GetRawReader()); err != nil {
			continue
		}
		fields.Leaves().Iterate(func(path fieldpath.Path) {
			found = append(found, owned{entry.Manager, path.Copy()})
		})
	}
	return found
}

// of are the managers of a field of the document, sorted.
func (o owners) of(document any, pointer []string) []string {
	managers := []string{}
	for _, one := range o {
		if slices.Contains(managers, one.manager) {
			continue
		}
		steps, there := locate(document, one.path)
		if there && (prefixed(steps, pointer) || prefixed(pointer, steps)) {
			managers = append(managers, one.manager)
		}
	}
	slices.Sort(managers)
	return managers
}

// locate is where a document has the field that a path names: lists are walked by their items' keys.
func locate(document any, path fieldpath.Path) (steps []string, there bool) {
	for _, element := range path {
		switch within := document.(type) {
		case map[string]any:
			if element.FieldName == nil {
				return nil, false
			}
			value, ok := within[*element.FieldName]
			if !ok {
				return nil, false
			}
			steps, document = append(steps, *element.FieldName), value
		case []any:
			i := slices.IndexFunc(within, func(item any) bool { return names(element, item) })
			if element.Index != nil {
				i = *element.Index
			}
			if i < 0 || i >= len(within) {
				return nil, false
			}
			steps, document = append(steps, strconv.Itoa(i)), within[i]
		default:
			return nil, false
		}
	}
	return steps, true
}

// names says whether a path's element means this item of a list.
func names(element fieldpath.PathElement, item any) bool {
	switch {
	case element.Key != nil:
		fields, ok := item.(map[string]any)
		if !ok {
			return false
		}
		for _, key := range *element.Key {
			if value, there := fields[key.Name]; !there || fmt.Sprint(value) != fmt.Sprint(key.Value.Unstructured()) {
				return false
			}
		}
		return true
	case element.Value != nil:
		return fmt.Sprint((*element.Value).Unstructured()) == fmt.Sprint(item)
	}
	return false
}

// leave gives the fields that one of the managers owns the values that they have in the cluster.
func (o owners) leave(before, after any, managers []string) {
	for _, one := range o {
		if !slices.Contains(managers, one.manager) {
			continue
		}
		from, there := locate(before, one.path)
		if !there {
			continue
		}
		value, _ := get(before, from)
		if into, there := locate(after, one.path); there {
			put(after, into, value)
		} else if parent, there := locate(after, one.path[:len(one.path)-1]); there && one.path[len(one.path)-1].FieldName != nil {
			put(after, append(parent, *one.path[len(one.path)-1].FieldName), value)
		}
	}
}
