package catalog

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"unsafe"

	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/repo/v1"
	"sigs.k8s.io/yaml"
)

// Read makes the catalog of a repository from its index, with the checks that helm makes (helm: pkg/repo/v1/index.go,
// loadIndex, which is not exported). What is skipped is logged; source says of what in the log.
func Read(repository string, index []byte, source string, log *slog.Logger) (*Catalog, error) {
	if made, ok := readBlock(repository, unsafe.String(unsafe.SliceData(index), len(index)), source, log); ok {
		return made, nil
	}
	return readAny(repository, index, source, log)
}

// readAny reads whatever helm reads.
func readAny(repository string, index []byte, source string, log *slog.Logger) (*Catalog, error) {
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
			if err := problem(one); err != nil {
				skip(log, name, one, source, err)
				continue
			}
			kept = append(kept, one)
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

// problem says what is wrong with an entry that helm passes over, nil where nothing is.
func problem(one *repo.ChartVersion) error {
	if one == nil {
		return errors.New("empty entry")
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
	if errors.As(err, &invalid) && strings.HasPrefix(invalid.Error(), "validation: more than one dependency with name or alias") {
		return nil
	}
	return err
}

func skip(log *slog.Logger, name string, one *repo.ChartVersion, source string, err error) {
	version := ""
	if one != nil {
		version = one.Version
	}
	log.Warn("skipping loading invalid entry for chart", "name", name, "version", version, "source", source, "error", err)
}
