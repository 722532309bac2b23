package watch

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestParseTarget(t *testing.T) {
	t.Parallel()
	made := func(group, version, resource, namespace, name, subresource string) target {
		return target{object{schema.GroupResource{Group: group, Resource: resource}, namespace, name}, version, subresource}
	}
	for path, want := range map[string]target{
		"/api/v1/namespaces/web/configmaps":                          made("", "v1", "configmaps", "web", "", ""),
		"/api/v1/namespaces/web/configmaps/shop":                     made("", "v1", "configmaps", "web", "shop", ""),
		"/api/v1/namespaces/web/pods/shop/log":                       made("", "v1", "pods", "web", "shop", "log"),
		"/api/v1/namespaces":                                         made("", "v1", "namespaces", "", "", ""),
		"/api/v1/namespaces/web":                                     made("", "v1", "namespaces", "", "web", ""),
		"/api/v1/namespaces/web/finalize":                            made("", "v1", "namespaces", "", "web", "finalize"),
		"/api/v1/namespaces/web/status":                              made("", "v1", "namespaces", "", "web", "status"),
		"/api/v1/nodes/one":                                          made("", "v1", "nodes", "", "one", ""),
		"/apis/apps/v1/namespaces/web/deployments/shop":              made("apps", "v1", "deployments", "web", "shop", ""),
		"/apis/apps/v1/namespaces/web/deployments/shop/status":       made("apps", "v1", "deployments", "web", "shop", "status"),
		"/apis/rbac.authorization.k8s.io/v1/clusterroles/a:b":        made("rbac.authorization.k8s.io", "v1", "clusterroles", "", "a:b", ""),
		"/apis/example.com/alpha/things/one":                         made("example.com", "alpha", "things", "", "one", ""),
		"/k8s/clusters/c-1/apis/apps/v1/namespaces/web/deployments/": made("apps", "v1", "deployments", "web", "", ""),
		"/api/proxy/api/v1/namespaces/web/secrets/s":                 made("", "v1", "secrets", "web", "s", ""),
	} {
		if got, ok := parseTarget(path); !ok || got != want {
			t.Errorf("%s: %+v (%t), want %+v", path, got, ok, want)
		}
	}
	for _, path := range []string{"", "/", "/version", "/api", "/api/v1", "/apis", "/apis/apps", "/apis/apps/v1", "/openapi/v3/apis/apps/v1", "/healthz"} {
		if got, ok := parseTarget(path); ok {
			t.Errorf("%q names %+v", path, got)
		}
	}
}
