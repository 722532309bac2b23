package actions

import (
	"fmt"
	"maps"
	"slices"

	"helm.sh/helm/v4/pkg/provenance"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// VerifyRequest are the arguments of `helm verify`.
type VerifyRequest struct {
	ChartPath string `json:"chart_path"`
	Keyring   string `json:"keyring"`
}

// Validate refuses what can be known to be wrong before anything is done.
func (r VerifyRequest) Validate() error {
	return ChartSource{ChartPath: r.ChartPath}.Validate()
}

// Verification is who signed a chart, and what was signed.
type Verification struct {
	SignedBy    []string `json:"signed_by"`
	Fingerprint string   `json:"fingerprint"`
	ChartHash   string   `json:"chart_hash"`
}

// Verify does what `helm verify` does: it checks an archive against the provenance file beside it.
func Verify(op *bridge.Operation, config *session.Configuration, request VerifyRequest) (*Verification, error) {
	t := begin(op, config, "verify")
	t.phase("verifying")
	ring := request.Keyring
	if ring == "" {
		ring = keyring(config)
	}
	verified, err := verifyFile(ring, request.ChartPath)
	if err != nil {
		return nil, ofChart(request.ChartPath, err)
	}
	return verificationOf(verified), nil
}

func verificationOf(verified *provenance.Verification) *Verification {
	return &Verification{
		SignedBy:    slices.Sorted(maps.Keys(verified.SignedBy.Identities)),
		Fingerprint: fmt.Sprintf("%X", verified.SignedBy.PrimaryKey.Fingerprint),
		ChartHash:   verified.FileHash,
	}
}
