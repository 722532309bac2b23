package catalog

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strings"

	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/repo/v1"
	"sigs.k8s.io/yaml"
)

// Read makes the catalog of a repository from its index, with the checks that helm makes (helm: pkg/repo/v1/index.go,
// loadIndex, which is not exported). What is skipped is logged; source says of what in the log.
func Read(repository string, index []byte, source string, log *slog.Logger) (*Catalog, error) {
	parsed, err := load(index, source, log)
	if err != nil {
		return nil, err
	}
	made := newBuilder(repository)
	for entry, versions := range parsed.Entries {
		releases := make([]release, 0, len(versions))
		for _, one := range versions {
			releases = append(releases, release{one.Name, one.Version, one.AppVersion, one.Description, one.Keywords})
		}
		made.add(entry, releases)
	}
	return made.done(), nil
}

func load(index []byte, source string, log *slog.Logger) (*repo.IndexFile, error) {
	if len(index) == 0 {
		return nil, repo.ErrEmptyIndexYaml
	}
	parsed := &repo.IndexFile{}
	if err := unmarshal(index, parsed); err != nil {
		return nil, err
	}
	for name, versions := range parsed.Entries {
		kept := versions[:0]
		for _, one := range versions {
			if valid(name, one, source, log) {
				kept = append(kept, one)
			}
		}
		parsed.Entries[name] = kept
	}
	if parsed.APIVersion == "" {
		return nil, repo.ErrNoAPIVersion
	}
	return parsed, nil
}

func unmarshal(index []byte, into any) error {
	if json.Valid(index) {
		return json.Unmarshal(index, into)
	}
	return yaml.UnmarshalStrict(index, into)
}

func valid(name string, one *repo.ChartVersion, source string, log *slog.Logger) bool {
	if one == nil {
		log.Warn("skipping loading invalid entry for chart: empty entry", "name", name, "source", source)
		return false
	}
	if one.Metadata == nil {
		one.Metadata = &chartv2.Metadata{}
	}
	if one.APIVersion == "" {
		one.APIVersion = chartv2.APIVersionV1
	}
	err := one.Validate()
	var invalid chartv2.ValidationError
	// Repositories strip the alias field (helm: pkg/repo/v1/index.go, ignoreSkippableChartValidationError).
	if err == nil || errors.As(err, &invalid) && strings.HasPrefix(invalid.Error(), "validation: more than one dependency with name or alias") {
		return true
	}
	log.Warn("skipping loading invalid entry for chart", "name", name, "version", one.Version, "source", source, "error", err)
	return false
}
