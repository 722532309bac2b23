package watch

import (
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
)

// object is an object of the cluster as a request's path names it: no kind, and the same in every version.
type object struct {
	schema.GroupResource
	namespace, name string
}

func objectOf(info *resource.Info) object {
	return object{info.Mapping.Resource.GroupResource(), namespaceOf(info), info.Name}
}

// resourceOf is the object as events name it.
func resourceOf(info *resource.Info) bridge.Resource {
	version, kind := info.Mapping.GroupVersionKind.ToAPIVersionAndKind()
	return bridge.Resource{APIVersion: version, Kind: kind, Namespace: namespaceOf(info), Name: info.Name}
}

// namespaceOf is empty for what has no namespace, also where its manifest gives it one.
func namespaceOf(info *resource.Info) string {
	if info.Mapping.Scope != nil && info.Mapping.Scope.Name() == meta.RESTScopeNameRoot {
		return ""
	}
	return info.Namespace
}

// label is how messages name an object.
func label(named bridge.Resource) string {
	name := named.Name
	if named.Namespace != "" {
		name = named.Namespace + "/" + name
	}
	if name == "" {
		return named.Kind
	}
	return named.Kind + " " + name
}
