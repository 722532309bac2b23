package actions

import (
	"os"
	"slices"
	"strings"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// PullRequest are the arguments of `helm pull`.
type PullRequest struct {
	ChartRef        []string `json:"chart_ref"`
	Destination     string   `json:"destination"`
	Version         string   `json:"version"`
	Devel           bool     `json:"devel"`
	Repo            string   `json:"repo"`
	PassCredentials bool     `json:"pass_credentials"`
	Verify          bool     `json:"verify"`
	Keyring         string   `json:"keyring"`
	Prov            bool     `json:"prov"`
	Untar           bool     `json:"untar"`
	UntarDir        string   `json:"untardir"`
	AccessOptions
}

// Validate refuses what can be known to be wrong before anything is done.
func (r PullRequest) Validate() error {
	if len(r.ChartRef) == 0 {
		return invalid("chart_ref", "is empty: give oci://…, a URL, repo/name, or a name with repo")
	}
	if slices.ContainsFunc(r.ChartRef, func(ref string) bool { return strings.TrimSpace(ref) == "" }) {
		return invalid("chart_ref", "holds an empty text")
	}
	return nil
}

// PullResult is what became of one chart.
type PullResult struct {
	Path           string        `json:"path"`
	Digest         string        `json:"digest"`
	Name           *string       `json:"name"`
	Version        *string       `json:"version"`
	Provenance     *string       `json:"provenance"`
	Verification   *Verification `json:"verification"`
	Ref            *string       `json:"ref"`
	ManifestDigest *string       `json:"manifest_digest"`
}

// Pull does what `helm pull` does: it downloads charts, one after the other, until one fails.
func Pull(op *bridge.Operation, config *session.Configuration, request PullRequest) ([]PullResult, error) {
	t := begin(op, config, "pull")
	// Where the process is may change while the operation runs.
	here, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	var results []PullResult
	for _, ref := range request.ChartRef {
		pulled, err := t.pull(request, ref, here)
		if err != nil {
			return nil, err
		}
		results = append(results, pulled)
	}
	return results, nil
}

func (t *task) pull(request PullRequest, ref, here string) (PullResult, error) {
	fetch := t.fetcher(ChartSource{
		ChartPath: ref, Version: request.Version, Devel: request.Devel, Repo: request.Repo,
		Username: request.Username, Password: request.Password, PassCredentials: request.PassCredentials,
		CertFile: request.CertFile, KeyFile: request.KeyFile, CAFile: request.CAFile,
		InsecureSkipTLSVerify: request.InsecureSkipTLSVerify, PlainHTTP: request.PlainHTTP,
		Verify: request.Verify, Keyring: request.Keyring,
	})
	place := destinationOf(request, ref, here)
	if err := place.check(); err != nil {
		return PullResult{}, err
	}
	staging, err := place.stage()
	if err != nil {
		return PullResult{}, err
	}
	defer os.RemoveAll(staging)
	got, err := fetch.archive(staging, request.Prov)
	if err != nil {
		return PullResult{}, fetch.explain(err)
	}
	if err := t.op.Context().Err(); err != nil {
		return PullResult{}, err // from here on what was cancelled would leave something
	}
	result := PullResult{Digest: got.digest, Verification: got.verified, Ref: got.ref, ManifestDigest: got.manifest}
	if metadata := metadataOf(got.path); metadata != nil {
		result.Name, result.Version = &metadata.Name, &metadata.Version
	}
	if result.Path, err = place.unpack(t.op.Context(), staging, got.path); err != nil {
		return PullResult{}, fetch.explain(err)
	}
	if request.Untar {
		return result, nil
	}
	if got.provenance != "" {
		kept, err := place.move(got.provenance)
		if err != nil {
			return PullResult{}, err
		}
		result.Provenance = &kept
	}
	result.Path, err = place.move(got.path)
	return result, err
}
