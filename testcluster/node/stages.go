package node

import (
	"embed"
	"fmt"
	"io/fs"
	"regexp"

	"sigs.k8s.io/kwok/pkg/apis/internalversion"
	"sigs.k8s.io/kwok/pkg/apis/v1alpha1"
	"sigs.k8s.io/yaml"
)

//go:embed stages/*.yaml
var stageFiles embed.FS

var documentSeparator = regexp.MustCompile(`(?m)^---\n`)

// stages reads the rules by which kwok acts, grouped by the kind that they are for.
func stages() (map[internalversion.StageResourceRef][]*internalversion.Stage, error) {
	files, err := fs.Glob(stageFiles, "stages/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("stages: %w", err)
	}
	grouped := map[internalversion.StageResourceRef][]*internalversion.Stage{}
	for _, file := range files {
		content, err := stageFiles.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("stages: %w", err)
		}
		for _, document := range documentSeparator.Split(string(content), -1) {
			var written v1alpha1.Stage
			if err := yaml.UnmarshalStrict([]byte(document), &written); err != nil {
				return nil, fmt.Errorf("stage in %s: %w", file, err)
			}
			stage, err := internalversion.ConvertToInternalStage(&written)
			if err != nil {
				return nil, fmt.Errorf("stage %s: %w", written.Name, err)
			}
			grouped[stage.Spec.ResourceRef] = append(grouped[stage.Spec.ResourceRef], stage)
		}
	}
	return grouped, nil
}
