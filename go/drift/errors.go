package drift

import (
	"errors"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/helm-sdkpy/helm-sdkpy/go/watch"
)

// conflictsOf are the fields that a server-side apply is refused for, since others own them. A conflict with helm's own
// former client-side self is none: helm hands those over before (helm: pkg/kube/client.go, upgradeClientSideFieldManager).
func conflictsOf(err error) []metav1.StatusCause {
	var status apierrors.APIStatus
	if !apierrors.IsConflict(err) || !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	var found []metav1.StatusCause
	for _, cause := range status.Status().Details.Causes {
		if cause.Type == metav1.CauseTypeFieldManagerConflict && !strings.HasPrefix(cause.Message, `conflict with "`+watch.FieldManager()+`" `) {
			found = append(found, cause)
		}
	}
	return found
}

// refused says whether the server has looked at the object and does not want it so. Where it is the user who may not
// ask, or nobody answers, nothing is known of the object at all.
func refused(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	switch {
	case apierrors.IsForbidden(err):
		return !unauthorized(err)
	case apierrors.IsUnauthorized(err), apierrors.IsTimeout(err), apierrors.IsServerTimeout(err),
		apierrors.IsServiceUnavailable(err), apierrors.IsTooManyRequests(err):
		return false
	case apierrors.IsInternalError(err):
		// A webhook that can not be called, or a field of the wrong type (apimachinery: structuredmerge.go).
		return strings.Contains(err.Error(), "webhook") || strings.Contains(err.Error(), "typed patch object")
	case apierrors.IsUnexpectedServerError(err):
		return false
	}
	return status.Status().Code >= 400 && status.Status().Code < 600
}

// unauthorized tells the user who may not from a quota or a policy, which are forbidden too
// (apiserver: pkg/endpoints/handlers/responsewriters/errors.go, forbiddenMessage).
func unauthorized(err error) bool {
	return strings.Contains(err.Error(), " cannot ") && strings.Contains(err.Error(), "resource ")
}

// noNamespace says whether an object was refused since its namespace is not there.
func noNamespace(err error) bool {
	var status apierrors.APIStatus
	return apierrors.IsNotFound(err) && errors.As(err, &status) && status.Status().Details != nil && status.Status().Details.Kind == "namespaces"
}
