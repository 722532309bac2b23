package registry

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"regexp"

	"github.com/helm-sdkpy/helm-sdkpy/testcluster/endpoints"
)

// blobPath is the path of a blob in a registry.
var blobPath = regexp.MustCompile(`^/v2/.+/blobs/sha256:[0-9a-f]{64}$`)

// redirecting is the guarded registry that sends its clients elsewhere for blobs, as registries over an object store do. The
// store lets in who has a signed address, and refuses who sends it credentials of the registry's, as those stores do.
func redirecting(
	ctx context.Context, open, guarded http.Handler, credentials endpoints.Credentials, secret string,
) (http.Handler, error) {
	sign := func(path string) string {
		sum := hmac.New(sha256.New, []byte(secret))
		sum.Write([]byte(path))
		return hex.EncodeToString(sum.Sum(nil))
	}
	store := http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		switch {
		case request.Header.Get("Authorization") != "":
			http.Error(response, "only one way to authenticate is allowed", http.StatusBadRequest)
		case !hmac.Equal([]byte(request.URL.Query().Get("signature")), []byte(sign(request.URL.Path))):
			http.Error(response, "the signature does not match", http.StatusForbidden)
		default:
			open.ServeHTTP(response, request)
		}
	})
	address, err := endpoints.Listen(ctx, store, nil)
	if err != nil {
		return nil, err
	}
	redirect := credentials.Guard(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		path := request.URL.Path
		http.Redirect(response, request, "http://"+address+path+"?signature="+sign(path), http.StatusTemporaryRedirect)
	}))
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		if request.Method == http.MethodGet && blobPath.MatchString(request.URL.Path) {
			redirect.ServeHTTP(response, request)
			return
		}
		guarded.ServeHTTP(response, request)
	}), nil
}
