package actions

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// access makes the operation's registry client.
func (t *task) access(options AccessOptions) (*session.Access, error) {
	made, err := t.config.Access(t.op, session.RegistryOptions{
		PlainHTTP: options.PlainHTTP, InsecureSkipTLSVerify: options.InsecureSkipTLSVerify,
		CertFile: options.CertFile, KeyFile: options.KeyFile, CAFile: options.CAFile,
		Username: options.Username, Password: options.Password, Out: logWriter{t},
	})
	if err != nil {
		return nil, registryError(fmt.Errorf("missing registry client: %w", err), nil) // the command's words
	}
	return made, nil
}

// registryError gives an error on the way to or from a registry its code and what to do; the text stays Helm's.
func registryError(err error, details map[string]any) error {
	if err == nil {
		return nil
	}
	var known *bridge.Error
	if errors.As(err, &known) {
		return err
	}
	code := codeOfRegistry(err)
	if code == "" {
		code = codeRegistry
	}
	explained := &bridge.Error{Code: code, Message: err.Error(), Details: details, Cause: err}
	if advice := registryAdvice(code, explained.Message); advice != "" {
		explained.Message += " (" + advice + ")"
	}
	return explained
}

func registryAdvice(code, text string) string {
	switch code {
	case codeUnauthorized:
		return "check the credentials: those that the call was given, registry_auth, or RegistryLogin's"
	case codeForbidden:
		return "it takes a user with more rights"
	case codeCertificate:
		if strings.Contains(text, "remote error") {
			return "give the client certificate that the registry asks for: cert_file and key_file"
		}
		return "give the authority that signed it: ca_file"
	case codeRegistry:
		if strings.Contains(text, "server gave HTTP response to HTTPS client") {
			return "a registry without TLS takes plain_http=True"
		}
	}
	return ""
}

// codeOfRegistry tells why a registry's answer is an error by its status; "" where it is none that a registry gives.
func codeOfRegistry(err error) string {
	var answer *errcode.ErrorResponse
	var alert tls.AlertError
	switch {
	case errors.Is(err, content.ErrMismatchedDigest), errors.Is(err, content.ErrTrailingData), mismatched(err):
		return codeDigestMismatch
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		return codeUnauthorized
	case errors.As(err, &answer):
		return codesOfStatus[answer.StatusCode]
	case errors.Is(err, errdef.ErrNotFound):
		return codeChartNotFound
	case codeOfConnection(err) == codeCertificate, errors.As(err, &alert), strings.Contains(err.Error(), "remote error: tls: "):
		return codeCertificate
	}
	return ""
}

var codesOfStatus = map[int]string{
	http.StatusUnauthorized: codeUnauthorized,
	http.StatusForbidden:    codeForbidden,
	http.StatusNotFound:     codeChartNotFound,
}

// mismatched knows the texts of oras (registry/remote/repository.go, verifyContentDigest) and of Helm
// (pkg/registry/client.go, ValidateReference), which have no types.
func mismatched(err error) bool {
	text := err.Error()
	return strings.Contains(text, "mismatch between") || strings.Contains(text, "mismatch digest") ||
		strings.Contains(text, "digest mismatch")
}
