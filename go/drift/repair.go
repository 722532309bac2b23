package drift

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"helm.sh/helm/v4/pkg/kube"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// Repair makes those of the plan's targets anew, or sets them back, that differ as Objects told. What the rules leave out
// stays as it is in the cluster.
func (p Plan) Repair(ctx context.Context, objects []Object) error {
	p.Method.write = true
	p.Method.Validation = kube.FieldValidationDirectiveStrict
	var failed []error
	for i, target := range p.Targets {
		if err := ctx.Err(); err != nil {
			return err
		}
		if i >= len(objects) || !objects[i].Differs() {
			continue
		}
		failed = append(failed, bridge.Guard("a repair", func() error { return p.repair(target) }))
	}
	return errors.Join(failed...)
}

func (p Plan) repair(target *resource.Info) error {
	live, err := read(target)
	if err != nil {
		return err
	}
	if live == nil {
		if _, err = p.Method.create(target); err != nil {
			return name(Named(target), err)
		}
		return nil
	}
	wanted := *target
	made := asUnstructured(target.Object).DeepCopy()
	cluster := asUnstructured(live.Object).DeepCopy()
	for _, pointer := range p.Rules.pointers(Named(target)) {
		stay(cluster.Object, made.Object, pointer)
	}
	ownersOf(cluster).stay(cluster.Object, made.Object, p.Rules.Managers)
	wanted.Object = made
	if _, err = p.Method.update(&wanted, live, &wanted); err != nil {
		return name(Named(target), err)
	}
	return nil
}

// stay gives a field of a manifest the value that it has in the cluster. Taking it out would have the server delete what
// nobody but helm set.
func stay(live, wanted any, steps []string) {
	if len(steps) == 0 {
		return
	}
	hit := func(step string) bool { return steps[0] == "*" || steps[0] == step }
	switch within := wanted.(type) {
	case map[string]any:
		there, _ := live.(map[string]any)
		for key, value := range within {
			now, is := there[key]
			switch {
			case !hit(key):
			case len(steps) > 1:
				stay(now, value, steps[1:])
			case is:
				within[key] = now
			default:
				delete(within, key)
			}
		}
	case []any:
		there, _ := live.([]any)
		for i, value := range within {
			switch {
			case !hit(strconv.Itoa(i)) || i >= len(there):
			case len(steps) > 1:
				stay(there[i], value, steps[1:])
			default:
				within[i] = there[i]
			}
		}
	}
}

// stay does so with the fields that one of the managers owns.
func (o owners) stay(live, wanted map[string]any, managers []string) {
	for _, one := range o {
		if !slices.Contains(managers, one.manager) {
			continue
		}
		from, there := locate(live, one.path)
		into, is := locate(wanted, one.path)
		if !there || !is {
			continue
		}
		if value, there := get(live, from); there {
			put(wanted, into, value)
		}
	}
}
