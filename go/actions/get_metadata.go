package actions

import (
	"time"

	"helm.sh/helm/v4/pkg/chart/v2"
	release "helm.sh/helm/v4/pkg/release/v1"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// Metadata is what `helm get metadata -o json` prints (helm: pkg/action/get_metadata.go), with the keys that the command
// leaves out where they are empty.
type Metadata struct {
	Name         string            `json:"name"`
	Chart        string            `json:"chart"`
	Version      string            `json:"version"`
	AppVersion   string            `json:"appVersion"`
	Annotations  map[string]string `json:"annotations"`
	Labels       map[string]string `json:"labels"`
	Dependencies []*v2.Dependency  `json:"dependencies"`
	Namespace    string            `json:"namespace"`
	Revision     int               `json:"revision"`
	Status       string            `json:"status"`
	DeployedAt   string            `json:"deployedAt"`
	ApplyMethod  string            `json:"applyMethod"`
}

// GetMetadata does what `helm get metadata` does: what a revision is of, and how it stands.
func GetMetadata(op *bridge.Operation, config *session.Configuration, request RevisionRequest) (*Metadata, error) {
	s, err := enter(op, config, "get metadata", request.ReleaseName, false)
	if err != nil {
		return nil, err
	}
	rel, err := s.readOutline(request.Revision)
	if err != nil {
		return nil, s.explain(err)
	}
	return metadataResult(rel), nil
}

func metadataResult(rel *release.Release) *Metadata {
	result := &Metadata{
		Name: rel.Name, Namespace: rel.Namespace, Revision: rel.Version, Labels: ownLabels(rel.Labels),
		Annotations: map[string]string{}, Dependencies: []*v2.Dependency{},
		Status: rel.Info.Status.String(), DeployedAt: rel.Info.LastDeployed.Format(time.RFC3339), ApplyMethod: rel.ApplyMethod,
	}
	if rel.Chart == nil || rel.Chart.Metadata == nil {
		return result
	}
	described := rel.Chart.Metadata
	result.Chart, result.Version, result.AppVersion = described.Name, described.Version, described.AppVersion
	if described.Annotations != nil {
		result.Annotations = described.Annotations
	}
	if described.Dependencies != nil {
		result.Dependencies = described.Dependencies
	}
	return result
}
