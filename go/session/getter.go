package session

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"time"

	"helm.sh/helm/v4/pkg/getter"
	"helm.sh/helm/v4/pkg/registry"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// Providers are Helm's getters for http, https and oci, whose requests end with the operation, and the installed plugins
// that fetch; extra options come after a constructor's own, as in getter.Getters.
func (c *Configuration) Providers(op *bridge.Operation, extra ...getter.Option) getter.Providers {
	provide := func(get fetch) getter.Constructor {
		return func(given ...getter.Option) (getter.Getter, error) {
			// As getter.Getters: its timeout comes after what a constructor is given, and before what Get is.
			all := append(slices.Clone(given), getter.WithTimeout(getter.DefaultHTTPTimeout*time.Second))
			return &boundGetter{
				configuration: c, op: op, ctx: op.Context(), options: append(all, extra...), get: get,
			}, nil
		}
	}
	return append(getter.Providers{
		{Schemes: []string{"http", "https"}, New: provide((*boundGetter).http)},
		{Schemes: []string{registry.OCIScheme}, New: provide((*boundGetter).oci)},
	}, c.getterPlugins(op)...)
}

type fetch func(*boundGetter, string, []getter.Option, getterOptions) (*bytes.Buffer, error)

// boundGetter is one of Helm's getters that ends with the operation.
type boundGetter struct {
	configuration *Configuration
	op            *bridge.Operation
	ctx           context.Context
	options       []getter.Option
	get           fetch
}

// Get implements getter.Getter.
func (g *boundGetter) Get(address string, options ...getter.Option) (text *bytes.Buffer, err error) {
	defer bridge.Recover("downloading "+address, &err)
	all := slices.Concat(g.options, options)
	read, err := readGetterOptions(all)
	if err != nil {
		return nil, err
	}
	text, err = g.get(g, address, all, read)
	if gone := g.ctx.Err(); err != nil && gone != nil {
		return nil, fmt.Errorf("downloading %s: %w", address, gone)
	}
	return text, err
}

// http is getter.HTTPGetter over our connections: it takes no context, but a transport, which brings ours.
func (g *boundGetter) http(address string, all []getter.Option, read getterOptions) (*bytes.Buffer, error) {
	shell, err := g.shell(read)
	if err != nil {
		return nil, err
	}
	made, err := getter.NewHTTPGetter(append(all, getter.WithTransport(shell))...)
	if err != nil {
		return nil, err
	}
	return made.Get(address)
}

// shell is a transport over our connections that ends with the operation.
func (g *boundGetter) shell(read getterOptions) (*http.Transport, error) {
	if read.foreign {
		return nil, errors.New("a transport of its own can not be cancelled")
	}
	files := read.tls
	files.insecure = files.insecure || g.configuration.options.InsecureSkipTLSVerify
	base, err := g.configuration.downloads.transport(files, false)
	if err != nil {
		return nil, err
	}
	return g.configuration.downloads.shell(g.ctx, base), nil
}

// oci is getter.OCIGetter with a registry client of ours.
func (g *boundGetter) oci(address string, all []getter.Option, read getterOptions) (*bytes.Buffer, error) {
	if !read.registry {
		client, err := g.configuration.Registry(g.op, RegistryOptions{
			PlainHTTP: read.plainHTTP, InsecureSkipTLSVerify: read.tls.insecure,
			CertFile: read.tls.cert, KeyFile: read.tls.key, CAFile: read.tls.caFile, Context: g.ctx,
		})
		if err != nil {
			return nil, err
		}
		all = append(all, getter.WithRegistryClient(client))
	}
	made, err := getter.NewOCIGetter(all...)
	if err != nil {
		return nil, err
	}
	return made.Get(address)
}

// getterOptions are those of Helm's getter options that pick the connection.
type getterOptions struct {
	tls       tlsFiles
	plainHTTP bool
	registry  bool // there is a registry client among them
	foreign   bool // there is a transport among them

	username, password, url string
	passCredentials         bool
	accept, userAgent       string
	timeout                 time.Duration
}

// readGetterOptions reads what getter.Options set. They are functions on a struct that Helm does not export
// (pkg/getter/getter.go), and repositories' own TLS options reach a getter in no other form.
func readGetterOptions(options []getter.Option) (read getterOptions, err error) {
	set := reflect.New(reflect.TypeFor[getter.Option]().In(0).Elem())
	for _, option := range options {
		reflect.ValueOf(option).Call([]reflect.Value{set})
	}
	field := func(name string, kind reflect.Kind) reflect.Value {
		found := set.Elem().FieldByName(name)
		if !found.IsValid() || found.Kind() != kind {
			err = cmp.Or(err, fmt.Errorf("helm's getter options have no %s %s any more", kind, name))
			return reflect.Zero(map[reflect.Kind]reflect.Type{
				reflect.String: reflect.TypeFor[string](), reflect.Bool: reflect.TypeFor[bool](),
				reflect.Pointer: reflect.TypeFor[*int](), reflect.Int64: reflect.TypeFor[int64](),
			}[kind])
		}
		return found
	}
	read.tls = tlsFiles{
		insecure: field("insecureSkipVerifyTLS", reflect.Bool).Bool(),
		cert:     field("certFile", reflect.String).String(),
		key:      field("keyFile", reflect.String).String(),
		caFile:   field("caFile", reflect.String).String(),
	}
	read.plainHTTP = field("plainHTTP", reflect.Bool).Bool()
	read.username = field("username", reflect.String).String()
	read.password = field("password", reflect.String).String()
	read.passCredentials = field("passCredentialsAll", reflect.Bool).Bool()
	read.url = field("url", reflect.String).String()
	read.accept = field("acceptHeader", reflect.String).String()
	read.userAgent = field("userAgent", reflect.String).String()
	read.timeout = time.Duration(field("timeout", reflect.Int64).Int())
	read.registry = !field("registryClient", reflect.Pointer).IsNil()
	read.foreign = !field("transport", reflect.Pointer).IsNil()
	return read, err
}
