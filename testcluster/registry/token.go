package registry

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/auth/token"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/helm-sdkpy/helm-sdkpy/testcluster/endpoints"
	"github.com/helm-sdkpy/helm-sdkpy/testcluster/state"
)

const (
	issuer  = "testcluster"
	service = "registry.testcluster"
	// tokenPath is where the registry sends its clients for a token, at the same address.
	tokenPath = "/auth/token"
	// Reader is a user who may pull and not push; the password is the other user's.
	Reader = "reader"
	// public is what nobody needs a user for, private what the token server lets nobody into.
	public, private = "public/", "private/"
)

// tokenServer gives out tokens as registries in the cloud do (distribution: docs/spec/auth).
type tokenServer struct {
	credentials endpoints.Credentials
	signer      jose.Signer
}

// newTokenServer makes the server, and what the registry must know to trust its tokens.
func newTokenServer(directory *state.Directory, credentials endpoints.Credentials) (*tokenServer, configuration.Auth, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("key of the token server: %w", err)
	}
	pair := jose.JSONWebKey{Key: key, KeyID: rand.Text(), Algorithm: string(jose.ES256)}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: pair}, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("signer of the token server: %w", err)
	}
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{pair.Public()}})
	if err != nil {
		return nil, nil, fmt.Errorf("keys of the token server: %w", err)
	}
	file, err := directory.Write("token-keys.json", keys)
	if err != nil {
		return nil, nil, err
	}
	return &tokenServer{credentials, signer}, configuration.Auth{"token": configuration.Parameters{
		"realm": tokenPath, "autoredirect": true, "autoredirectpath": tokenPath,
		"issuer": issuer, "service": service, "jwks": file,
	}}, nil
}

// guard is the registry with the token server at the same address.
func (s *tokenServer) guard(registry http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+tokenPath, s.serve)
	mux.HandleFunc("POST "+tokenPath, s.serve)
	mux.HandleFunc("/", func(response http.ResponseWriter, request *http.Request) {
		request.Header.Set("X-Forwarded-Proto", "http") // distribution takes it that it is behind TLS
		registry.ServeHTTP(response, request)
	})
	return mux
}

func (s *tokenServer) serve(response http.ResponseWriter, request *http.Request) {
	user, known := s.user(request)
	if !known {
		refuse(response, http.StatusUnauthorized, "UNAUTHORIZED", "incorrect username or password")
		return
	}
	access := []*token.ResourceActions{}
	for _, scope := range scopes(request) {
		granted, refused := grant(user, scope)
		if refused {
			refuse(response, http.StatusForbidden, "DENIED", "requested access to the resource is denied")
			return
		}
		access = append(access, granted)
	}
	now := time.Now()
	signed, err := jwt.Signed(s.signer).Claims(token.ClaimSet{
		Issuer: issuer, Subject: user, Audience: token.AudienceList{service}, JWTID: rand.Text(),
		IssuedAt: now.Unix(), NotBefore: now.Unix(), Expiration: now.Add(5 * time.Minute).Unix(), Access: access,
	}).Serialize()
	if err != nil {
		http.Error(response, err.Error(), http.StatusInternalServerError)
		return
	}
	response.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(response).Encode(map[string]any{"token": signed, "access_token": signed, "expires_in": 300})
}

// user is who asks, by basic authentication or OAuth2; the empty name is nobody's. A refresh token is the password.
func (s *tokenServer) user(request *http.Request) (name string, known bool) {
	name, password, given := request.BasicAuth()
	if request.Method == http.MethodPost {
		given = true
		switch request.PostFormValue("grant_type") {
		case "password":
			name, password = request.PostFormValue("username"), request.PostFormValue("password")
		case "refresh_token":
			name, password = s.credentials.Username, request.PostFormValue("refresh_token")
		default:
			return "", false
		}
	}
	if !given {
		return "", true
	}
	return name, password == s.credentials.Password && (name == s.credentials.Username || name == Reader)
}

func scopes(request *http.Request) []string {
	var all []string
	for _, scope := range append(request.URL.Query()["scope"], request.PostForm["scope"]...) {
		all = append(all, strings.Fields(scope)...)
	}
	return all
}

// grant gives of `repository:NAME:pull,push` what the user may do.
func grant(user, scope string) (granted *token.ResourceActions, refused bool) {
	kind, rest, _ := strings.Cut(scope, ":")
	index := max(strings.LastIndexByte(rest, ':'), 0)
	name, wanted := rest[:index], strings.Split(strings.TrimPrefix(rest[index:], ":"), ",")
	allowed := []string{}
	switch {
	case strings.HasPrefix(name, private):
		return nil, true
	case user == Reader, user == "" && strings.HasPrefix(name, public):
		allowed = []string{"pull"}
	case user != "":
		allowed = []string{"pull", "push", "delete", "*"}
	}
	wanted = slices.DeleteFunc(wanted, func(action string) bool { return !slices.Contains(allowed, action) })
	return &token.ResourceActions{Type: kind, Name: name, Actions: wanted}, false
}

func refuse(response http.ResponseWriter, status int, code, message string) {
	response.Header().Set("Content-Type", "application/json")
	response.WriteHeader(status)
	_ = json.NewEncoder(response).Encode(map[string]any{"errors": []map[string]string{{"code": code, "message": message}}})
}
