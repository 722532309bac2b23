package watch

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// target is what a request's path names.
type target struct {
	object
	version, subresource string
}

// parseTarget reads a path of the Kubernetes API; a server that stands behind another may put something before it.
// Discovery, version and the like name no object.
func parseTarget(path string) (target, bool) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for i, part := range parts {
		switch {
		case part == "api" && i+2 < len(parts) && isVersion(parts[i+1]):
			return parseObject("", parts[i+1], parts[i+2:])
		case part == "apis" && i+3 < len(parts):
			return parseObject(parts[i+1], parts[i+2], parts[i+3:])
		}
	}
	return target{}, false
}

func parseObject(group, version string, parts []string) (target, bool) {
	found := target{version: version}
	// /namespaces/NAME and its subresources are the namespace itself.
	if len(parts) >= 3 && parts[0] == "namespaces" && parts[2] != "status" && parts[2] != "finalize" {
		found.namespace = parts[1]
		parts = parts[2:]
	}
	found.GroupResource = schema.GroupResource{Group: group, Resource: parts[0]}
	if len(parts) > 1 {
		found.name = parts[1]
	}
	if len(parts) > 2 {
		found.subresource = parts[2]
	}
	return found, parts[0] != ""
}

// isVersion tells the API's root from something else that is called "api".
func isVersion(part string) bool {
	return len(part) > 1 && part[0] == 'v' && part[1] >= '0' && part[1] <= '9'
}
