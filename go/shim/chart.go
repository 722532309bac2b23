package main

// #include <stdint.h>
import "C"

import "github.com/helm-sdkpy/helm-sdkpy/go/actions"

// The actions on charts (helm_sdkpy/chart.py).

//export helm_sdkpy_template
func helm_sdkpy_template(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.Template)
}

//export helm_sdkpy_lint
func helm_sdkpy_lint(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.Lint)
}

//export helm_sdkpy_show_chart
func helm_sdkpy_show_chart(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.ShowChart)
}

//export helm_sdkpy_show_values
func helm_sdkpy_show_values(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.ShowValues)
}

//export helm_sdkpy_show_readme
func helm_sdkpy_show_readme(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.ShowReadme)
}

//export helm_sdkpy_show_crds
func helm_sdkpy_show_crds(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.ShowCRDs)
}

//export helm_sdkpy_show_all
func helm_sdkpy_show_all(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.ShowAll)
}

//export helm_sdkpy_package
func helm_sdkpy_package(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.Package)
}

//export helm_sdkpy_verify
func helm_sdkpy_verify(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.Verify)
}

//export helm_sdkpy_create
func helm_sdkpy_create(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.Create)
}

//export helm_sdkpy_dependency_list
func helm_sdkpy_dependency_list(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.DependencyList)
}

//export helm_sdkpy_dependency_update
func helm_sdkpy_dependency_update(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.DependencyUpdate)
}

//export helm_sdkpy_dependency_build
func helm_sdkpy_dependency_build(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.DependencyBuild)
}

//export helm_sdkpy_pull
func helm_sdkpy_pull(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.Pull)
}

//export helm_sdkpy_push
func helm_sdkpy_push(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.Push)
}
