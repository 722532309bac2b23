package actions

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"maps"
	"net"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/storage/driver"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/watch"
)

// explain gives an error of Helm the code that says why it happened: by its type where it has one, else by Helm's
// text (errors_test.go breaks when a text changes). The message stays Helm's; the release is in the details.
func (s *scope) explain(err error) error {
	if err == nil {
		return nil
	}
	explained := explain(err)
	if s.release != "" {
		if _, named := explained.Details["release"]; !named {
			explained.Details["release"] = s.release
			explained.Details["namespace"] = s.namespace
		}
	}
	return explained
}

func explain(err error) *bridge.Error {
	explained := &bridge.Error{Code: codeOf(err), Message: err.Error(), Details: map[string]any{}, Cause: err}
	var known *bridge.Error
	if errors.As(err, &known) {
		for name, value := range known.Details {
			explained.Details[name] = value
		}
	}
	explained.Message = watch.Spell(explained.Message, err)
	if explained.Code == codeValuesSchema {
		explained.Message = withoutValues(explained.Message)
	}
	if explained.Code == codeRender {
		maps.Copy(explained.Details, placeOf(explained.Message))
	}
	if explained.Code == codeClusterUnreachable && !strings.Contains(explained.Message, "cluster unreachable") {
		// What Helm says after a request of its own for it, which is not made where a release is only read.
		explained.Message = "kubernetes cluster unreachable: " + explained.Message
	}
	_, advised := explained.Details["pending_age"]
	if advice := advices[explained.Code]; advice != "" && !advised && !strings.Contains(explained.Message, advice) {
		space := " "
		if strings.Contains(explained.Message, "\n") { // beside the last of several lines it would seem to be about that
			space = "\n"
		}
		explained.Message += space + "(" + advice + ")"
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		if details := status.Status().Details; details != nil {
			if details.Kind != "" {
				explained.Details["kind"] = details.Kind
			}
			if details.Name != "" {
				explained.Details["name"] = details.Name
			}
			if fields := causes(details.Causes); len(fields) > 0 {
				explained.Details["causes"] = fields
			}
		}
		explained.Details["reason"] = string(status.Status().Reason)
	}
	return explained
}

// advices say what to do where Helm's message does not.
var advices = map[string]string{
	codeAdmission:            "a webhook or policy of the cluster refuses it: change the object, or ask who runs that",
	codeChartInvalid:         "Lint says what is wrong with the chart",
	codeChartNotFound:        "check its name and version, and where it is looked for",
	codeHookFailed:           "what it wrote says more: helm.sh/hook-output-log-policy hands that to on_event",
	codeInvalidObject:        "correct the object: details[\"causes\"] has its fields",
	codeKubeVersion:          "take another version of the chart, or of the cluster",
	codeManifestInvalid:      "correct the template; a kind of one's own needs its CustomResourceDefinition first",
	codePostRender:           "the post-renderer must take a manifest, and what it gives must be one",
	codeReleaseNotFound:      "List and History show what there is in the namespace",
	codeRender:               "correct the template, or the values that it is given",
	codeValuesSchema:         "correct the values, or set skip_schema_validation=True",
	codeReleaseExists:        "upgrade it, uninstall it first, or choose another name",
	codeReleaseNotDeployed:   "use upgrade(install=True) or uninstall it first",
	codeReleasePending:       "wait for it, or if its process is gone, set force_pending=True, roll back or uninstall",
	codeMissingDependency:    "dependency_update=True does it",
	codeNamespaceNotFound:    "create it or set create_namespace=True",
	codeOwnership:            "set take_ownership=True to adopt existing objects",
	codeConflict:             "set force_conflicts=True to take the fields over",
	codeReleaseTooLarge:      "leave files out with .helmignore, or use storage=\"sql\"",
	codeClusterUnreachable:   "check the kubeconfig, its context and the network",
	codeNamespaceTerminating: "wait until it is gone and create it again",
	codeCertificate:          "give the authority that signed it: kube_ca_file of the Configuration for the cluster, ca_file for charts",
	codeForbidden:            "it takes a user with more rights",
	codeUnauthorized:         "check the credentials",
	codeQuota:                "ask for less, or raise the quota",
	codeImmutableField:       "delete the object first, or give it another name",
	watch.CodeWaitFailed:     "details[\"not_ready\"] says why; it will not get ready by itself",
	codeWaitTimeout:          "details[\"not_ready\"] says what was not ready and why; a longer timeout may help",
}

// An error that fails while the connection is made, or that a server sent, is told by its type.
func codeOf(err error) string {
	var known *bridge.Error
	if errors.As(err, &known) && known.Code != "" {
		return known.Code
	}
	code, answered := codeOfHelm(err), codeOfAPI(err)
	if code == codeManifestInvalid && (answered == codeConflict || answered == codeClusterUnreachable) {
		return answered // the server did not say what it knows, whatever Helm was reading
	}
	if code != "" {
		return code
	}
	if code := answered; code != "" {
		return code
	}
	if code := codeOfConnection(err); code != "" {
		return code
	}
	return codeHelm
}

// texts are the places where Helm gives nothing but words. The first match wins.
var texts = []struct{ text, code string }{
	{"cannot reuse a name that is still in use", codeReleaseExists},
	{"another operation (install/upgrade/rollback) is in progress", codeReleasePending},
	{"Release name is invalid", codeInvalidReleaseName},
	{"release name is invalid", codeInvalidReleaseName},
	{"is already deleted", codeReleaseNotFound},
	{"release has no ", codeReleaseNotFound},
	{"missing in charts/ directory", codeMissingDependency},
	{"chart requires kubeVersion", codeKubeVersion},
	{"exists and cannot be imported into the current release", codeOwnership},
	{"cannot be owned", codeOwnership},
	{"error while running post render", codePostRender},
	{"error while parsing post rendered output", codePostRender},
	{"YAML parse error on ", codeRender},
	// A manifest is read with what the server says of its kinds, and the type of its answer is lost then
	// (cli-runtime: pkg/resource/mapper.go).
	{"the server reported a conflict", codeConflict},
	{"an error on the server (", codeClusterUnreachable},
	{"no matches for kind", codeManifestInvalid},
	{"unable to recognize", codeManifestInvalid},
	{"error validating", codeManifestInvalid},
	{"field not declared in schema", codeManifestInvalid},
	{"unable to decode", codeManifestInvalid},
	{"error converting YAML to JSON", codeManifestInvalid},
	{"unable to build kubernetes object", codeManifestInvalid},
	{"parse error at (", codeRender},
	{"execution error at (", codeRender},
	{"error calling ", codeRender},
	{"executing \"", codeRender},
	{"template: ", codeRender},
	{"charts are not installable", codeChartInvalid},
	{"invalid chart apiVersion", codeChartInvalid},
	{"chart dependencies processing failed", codeChartInvalid},
}

func codeOfHelm(err error) string {
	var schema util.JSONSchemaValidationError
	switch {
	case errors.As(err, &schema), strings.Contains(err.Error(), "values don't meet the specifications of the schema"):
		return codeValuesSchema
	case errors.Is(err, driver.ErrReleaseNotFound):
		return codeReleaseNotFound
	case errors.Is(err, driver.ErrReleaseExists):
		return codeReleaseExists
	case errors.Is(err, driver.ErrNoDeployedReleases):
		return codeReleaseNotDeployed
	case meta.IsNoMatchError(err):
		return codeManifestInvalid
	}
	text := err.Error()
	for _, known := range texts {
		if strings.Contains(text, known.text) {
			return known.code
		}
	}
	return ""
}

func codeOfAPI(err error) string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return ""
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "admission webhook"), strings.Contains(text, "failed calling webhook"),
		strings.Contains(text, "ValidatingAdmissionPolicy"):
		return codeAdmission
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return codeNamespaceTerminating
	case apierrors.IsForbidden(err) && strings.Contains(text, "exceeded quota"):
		return codeQuota
	case apierrors.IsForbidden(err):
		return codeForbidden
	case apierrors.IsUnauthorized(err):
		return codeUnauthorized
	case apierrors.IsNotFound(err) && status.Status().Details != nil && status.Status().Details.Kind == "namespaces":
		return codeNamespaceNotFound
	case apierrors.IsConflict(err):
		return codeConflict
	case apierrors.IsRequestEntityTooLargeError(err),
		apierrors.IsInvalid(err) && strings.Contains(text, "Too long") && strings.Contains(text, "sh.helm.release"):
		return codeReleaseTooLarge
	case apierrors.IsInvalid(err) && strings.Contains(text, "immutable"), strings.Contains(text, "updates to statefulset spec for fields other than"):
		return codeImmutableField
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err),
		// A field of the wrong type is an internal error to server-side apply (apimachinery: managedfields/internal/structuredmerge.go).
		strings.Contains(text, "failed to create typed patch object"):
		return codeInvalidObject
	case apierrors.IsAlreadyExists(err):
		return codeOwnership
	case apierrors.IsTimeout(err), apierrors.IsServerTimeout(err), apierrors.IsServiceUnavailable(err), apierrors.IsTooManyRequests(err),
		apierrors.IsInternalError(err), apierrors.IsUnexpectedServerError(err):
		return codeClusterUnreachable
	}
	return ""
}

// unreadable are the texts of a cluster that does not answer, and of answers that broke off on their way or are no API
// server's: neither Helm nor client-go has a type for them.
var unreadable = []string{
	"cluster unreachable",
	"cluster reachability check failed",
	"unexpected error when reading response body",
	"couldn't get version/kind; json parse error",
	"unexpected end of JSON input",
	"unexpected EOF",
}

func codeOfConnection(err error) string {
	var (
		authority   x509.UnknownAuthorityError
		invalid     x509.CertificateInvalidError
		hostname    x509.HostnameError
		verify      *tls.CertificateVerificationError
		network     net.Error
		unreachable = slices.ContainsFunc(unreadable, func(text string) bool { return strings.Contains(err.Error(), text) })
	)
	switch {
	case errors.As(err, &authority), errors.As(err, &invalid), errors.As(err, &hostname), errors.As(err, &verify):
		return codeCertificate
	case unreachable, errors.As(err, &network), errors.Is(err, context.DeadlineExceeded):
		return codeClusterUnreachable
	}
	return ""
}

func causes(given []metav1.StatusCause) []map[string]string {
	var fields []map[string]string
	for _, cause := range given {
		fields = append(fields, map[string]string{"field": cause.Field, "message": cause.Message, "reason": string(cause.Type)})
	}
	return fields
}
