package charts

import (
	"maps"
	"slices"

	"helm.sh/helm/v4/pkg/chart"
	"helm.sh/helm/v4/pkg/chart/common"
	v2 "helm.sh/helm/v4/pkg/chart/v2"
)

// clone copies a chart and its dependencies. Only the bytes of files are shared: nothing writes into them
// (TestNothingThatIsKeptChanges).
func clone(from *v2.Chart) *v2.Chart {
	made := *from
	made.Raw = cloneFiles(from.Raw)
	made.Templates = cloneFiles(from.Templates)
	made.Files = cloneFiles(from.Files)
	made.Metadata = cloneMetadata(from.Metadata)
	made.Values = cloneMap(from.Values)
	if from.Lock != nil {
		lock := *from.Lock
		lock.Dependencies = cloneDependencies(lock.Dependencies)
		made.Lock = &lock
	}
	// Slice and parent came along with the struct: both are set anew.
	made.SetDependencies()
	for _, dependency := range from.Dependencies() {
		made.AddDependency(clone(dependency))
	}
	return &made
}

func cloneFiles(from []*common.File) []*common.File {
	if from == nil {
		return nil
	}
	made, block := make([]*common.File, len(from)), make([]common.File, len(from))
	for i, file := range from {
		if file != nil {
			block[i] = *file
			made[i] = &block[i]
		}
	}
	return made
}

func cloneMetadata(from *v2.Metadata) *v2.Metadata {
	if from == nil {
		return nil
	}
	made := *from
	made.Sources = slices.Clone(from.Sources)
	made.Keywords = slices.Clone(from.Keywords)
	made.Annotations = maps.Clone(from.Annotations)
	made.Maintainers = clonePointers(from.Maintainers)
	made.Dependencies = cloneDependencies(from.Dependencies)
	return &made
}

func cloneDependencies(from []*v2.Dependency) []*v2.Dependency {
	made := clonePointers(from)
	for _, dependency := range made {
		if dependency != nil {
			dependency.Tags = slices.Clone(dependency.Tags)
			dependency.ImportValues, _ = cloneValue(dependency.ImportValues).([]any)
		}
	}
	return made
}

func clonePointers[T any](from []*T) []*T {
	made := slices.Clone(from)
	for i, each := range made {
		if each != nil {
			value := *each
			made[i] = &value
		}
	}
	return made
}

func cloneMap(from map[string]any) map[string]any {
	if from == nil {
		return nil
	}
	made := make(map[string]any, len(from))
	for name, value := range from {
		made[name] = cloneValue(value)
	}
	return made
}

// cloneValue copies what YAML makes: mappings, lists, and what can not be changed.
func cloneValue(from any) any {
	switch value := from.(type) {
	case map[string]any:
		return cloneMap(value)
	case []any:
		if value == nil {
			return value
		}
		made := make([]any, len(value))
		for i, each := range value {
			made[i] = cloneValue(each)
		}
		return made
	}
	return from
}

// weigh estimates how many bytes of memory a chart takes: its files, and what was parsed of some of them.
func weigh(chart *v2.Chart) int {
	const file, parsed = 200, 8
	sum := file
	for _, each := range chart.Raw {
		if each == nil {
			continue
		}
		sum += file + len(each.Data)
		if each.Name == "values.yaml" || each.Name == "Chart.yaml" {
			sum += parsed * len(each.Data)
		}
	}
	for _, dependency := range chart.Dependencies() {
		sum += weigh(dependency)
	}
	return sum
}

// Copy gives a chart that the caller may change, as Helm does when it renders one.
func Copy(from chart.Charter) chart.Charter {
	if made, ok := from.(*v2.Chart); ok {
		return clone(made)
	}
	return from // Helm's other kind, which no action renders
}
