package session

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	openapiv2 "github.com/google/gnostic-models/openapiv2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/resource"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/openapi"
	kubectlopenapi "k8s.io/kubectl/pkg/util/openapi"
	"k8s.io/kubectl/pkg/validation"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// validators hold what the session knows about which kinds the API server validates itself.
//
// Helm parses the OpenAPI documents anew for every object list of every action, most of what an install costs; kept are the
// few bits that are asked for. An error is never kept.
type validators struct {
	mu         sync.Mutex
	generation uint64
	documents  map[schema.GroupVersion]*validation3
	legacy     *legacyOpenAPI

	documentFlights flights[*validation3]
	legacyFlights   flights[*legacyOpenAPI]
}

// validation3 is what an OpenAPI v3 document says about PATCH with fieldValidation: it holds no kind that can not be patched.
type validation3 struct {
	address    string // with the document's hash
	generation uint64
	kinds      map[schema.GroupVersionKind]bool
}

// legacyOpenAPI is the OpenAPI v2 document, needed for what the API server can not validate itself.
type legacyOpenAPI struct {
	document  *openapiv2.Document
	resources kubectlopenapi.Resources
}

// invalidate makes everything be looked at again; a document whose hash is the same is not parsed again.
func (v *validators) invalidate() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.generation++
	v.legacy = nil
}

func (v *validators) known(version schema.GroupVersion) (found *validation3, current bool, generation uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	found = v.documents[version]
	return found, found != nil && found.generation == v.generation, v.generation
}

func (v *validators) keep(version schema.GroupVersion, read *validation3) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.documents == nil {
		v.documents = map[schema.GroupVersion]*validation3{}
	}
	v.documents[version] = read
}

// document gives what the API server says about a version; nil where it has no such document.
func (s *Session) document(ctx context.Context, version schema.GroupVersion) (*validation3, error) {
	found, current, generation := s.validators.known(version)
	if current {
		return found, nil
	}
	key := fmt.Sprintf("openapi %d %s", generation, version)
	return s.validators.documentFlights.do(ctx, key, false, func(ctx context.Context) (*validation3, error) {
		paths, err := s.directDiscovery().OpenAPIV3WithContext(ctx).PathsWithContext(ctx)
		if err != nil {
			return nil, err
		}
		path, present := paths[documentPath(version)]
		if !present {
			return nil, nil
		}
		read := &validation3{generation: generation, address: path.ServerRelativeURL()}
		if found != nil && read.address != "" && found.address == read.address {
			read.kinds = found.kinds
		} else if read.kinds, err = patchedKinds(ctx, path); err != nil {
			return nil, err
		}
		s.validators.keep(version, read)
		return read, nil
	})
}

func documentPath(version schema.GroupVersion) string {
	if version.Group == "" {
		return "api/" + version.Version
	}
	return "apis/" + version.Group + "/" + version.Version
}

// openapiDocument is the part of an OpenAPI v3 document that cli-runtime's supportsQueryParamV3 looks at.
type openapiDocument struct {
	Paths map[string]struct {
		Patch *struct {
			Kind       json.RawMessage    `json:"x-kubernetes-group-version-kind"`
			Parameters []openapiParameter `json:"parameters"`
		} `json:"patch"`
	} `json:"paths"`
	Components struct {
		Parameters map[string]openapiParameter `json:"parameters"`
	} `json:"components"`
}

type openapiParameter struct {
	Name string `json:"name"`
	In   string `json:"in"`
	Ref  string `json:"$ref"`
}

func (p openapiParameter) validates() bool {
	return p.In == "query" && p.Name == string(resource.QueryParamFieldValidation)
}

// patchedKinds reads which kinds can be patched, and whether with fieldValidation, as supportsQueryParamV3 does.
func patchedKinds(ctx context.Context, path openapi.GroupVersionWithContext) (map[schema.GroupVersionKind]bool, error) {
	text, err := path.SchemaWithContext(ctx, runtime.ContentTypeJSON)
	if err != nil {
		return nil, err
	}
	var document openapiDocument
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("parsing the OpenAPI document: %w", err)
	}
	validates := func(parameter openapiParameter) bool {
		if name, shared := strings.CutPrefix(parameter.Ref, "#/parameters/"); shared {
			return document.Components.Parameters[name].validates()
		}
		return parameter.validates()
	}
	kinds := map[schema.GroupVersionKind]bool{}
	for _, operations := range document.Paths {
		var kind schema.GroupVersionKind
		if operations.Patch == nil || json.Unmarshal(operations.Patch.Kind, &kind) != nil {
			continue
		}
		kinds[kind] = kinds[kind] || slices.ContainsFunc(operations.Patch.Parameters, validates)
	}
	return kinds, nil
}

// openAPIv2 gives the old document, of some MB and slow to parse: only what can not be validated otherwise asks for it.
func (s *Session) openAPIv2(ctx context.Context) (*legacyOpenAPI, error) {
	s.validators.mu.Lock()
	known, generation := s.validators.legacy, s.validators.generation
	s.validators.mu.Unlock()
	if known != nil {
		return known, nil
	}
	key := fmt.Sprintf("openapi v2 %d", generation)
	return s.validators.legacyFlights.do(ctx, key, false, func(ctx context.Context) (*legacyOpenAPI, error) {
		document, err := s.directDiscovery().OpenAPISchemaWithContext(ctx)
		if err != nil {
			return nil, err
		}
		resources, err := kubectlopenapi.NewOpenAPIData(document)
		if err != nil {
			return nil, err
		}
		read := &legacyOpenAPI{document, resources}
		s.validators.mu.Lock()
		defer s.validators.mu.Unlock()
		if s.validators.generation == generation {
			s.validators.legacy = read
		}
		return read, nil
	})
}

// directDiscovery asks under the context of each call, for what operations wait for together.
func (s *Session) directDiscovery() *discovery.DiscoveryClient {
	next := &patience{s.wire.cache}
	// The only errors are those of an address or a rate that newWire has checked.
	direct, err := discovery.NewDiscoveryClientForConfigAndClient(s.wire.restConfig(next), &http.Client{Transport: next})
	if err != nil {
		panic(err)
	}
	return direct
}

// validator makes kubectl's schema (cmd/util.factoryImpl.Validator) over what the session knows.
func (c *Connection) validator(directive string) (validation.Schema, error) {
	if directive == metav1.FieldValidationIgnore {
		return validation.NullSchema{}, nil
	}
	dynamicClient, err := c.dynamicClient()
	if err != nil {
		return nil, err
	}
	finder := resource.NewCRDFinder(resource.CRDFromDynamic(dynamicClient))
	local := validation.ConjunctiveSchema{validation.NewSchemaValidation(parsedOpenAPI{c}), validation.NoDoubleKeySchema{}}
	return validation.NewParamVerifyingSchema(local, &verifier{
		connection: c,
		finder:     finder,
		legacy:     resource.NewQueryParamVerifier(dynamicClient, plainOpenAPI{c}, resource.QueryParamFieldValidation),
	}, directive), nil
}

// verifier says whether the API server validates a kind itself: cli-runtime's queryParamVerifierV3 with its fallback.
type verifier struct {
	connection *Connection
	finder     resource.CRDFinder
	legacy     resource.Verifier
}

var namespaceKind = schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}

// HasSupport implements resource.Verifier.
func (v *verifier) HasSupport(kind schema.GroupVersionKind) (err error) {
	defer bridge.Recover("validating "+kind.Kind, &err)
	unsupported := resource.NewParamUnsupportedError(kind, resource.QueryParamFieldValidation)
	if kind == (schema.GroupVersionKind{Version: "v1", Kind: "List"}) {
		return unsupported
	}
	supported, err := v.ask(kind)
	switch {
	case v.connection.ctx.Err() != nil:
		return v.connection.ctx.Err()
	case err != nil:
		return v.legacy.HasSupport(kind)
	case !supported:
		return unsupported
	default:
		return nil
	}
}

func (v *verifier) ask(kind schema.GroupVersionKind) (bool, error) {
	ctx, session := v.connection.ctx, v.connection.session
	document, err := session.document(ctx, kind.GroupVersion())
	if err != nil {
		return false, err
	}
	if document == nil {
		// A custom resource whose document is not published yet: as much as for a namespace.
		if found, err := v.finder.HasCRD(kind.GroupKind()); !found {
			return false, ctxOnly(ctx, err)
		}
		kind = namespaceKind
		if document, err = session.document(ctx, kind.GroupVersion()); err != nil {
			return false, err
		}
	}
	if document == nil {
		return false, fmt.Errorf("the API server has no OpenAPI v3 document of %s", kind.GroupVersion())
	}
	supported, patched := document.kinds[kind]
	if !patched {
		return false, fmt.Errorf("the OpenAPI v3 document of %s has no way to patch a %s", kind.GroupVersion(), kind.Kind)
	}
	return supported, nil
}

// ctxOnly drops an error that did not come from the operation's end: cli-runtime ignores errors of looking for CRDs.
func ctxOnly(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	return nil
}

// plainOpenAPI reads the old document for one operation.
type plainOpenAPI struct{ connection *Connection }

// OpenAPISchema implements discovery.OpenAPISchemaInterface.
func (o plainOpenAPI) OpenAPISchema() (*openapiv2.Document, error) {
	read, err := o.connection.session.openAPIv2(o.connection.ctx)
	if err != nil {
		return nil, err
	}
	return read.document, nil
}

// parsedOpenAPI reads the old document's types for one operation.
type parsedOpenAPI struct{ connection *Connection }

// OpenAPISchema implements openapi.OpenAPIResourcesGetter.
func (o parsedOpenAPI) OpenAPISchema() (kubectlopenapi.Resources, error) {
	read, err := o.connection.session.openAPIv2(o.connection.ctx)
	if err != nil {
		return nil, err
	}
	return read.resources, nil
}
