package main

// #include <stdint.h>
import "C"

import "github.com/helm-sdkpy/helm-sdkpy/go/actions"

// The actions on releases (helm_sdkpy/actions.py).

//export helm_sdkpy_install
func helm_sdkpy_install(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.Install)
}

//export helm_sdkpy_upgrade
func helm_sdkpy_upgrade(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.Upgrade)
}

//export helm_sdkpy_ensure
func helm_sdkpy_ensure(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.Ensure)
}

//export helm_sdkpy_rollback
func helm_sdkpy_rollback(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.Rollback)
}

//export helm_sdkpy_uninstall
func helm_sdkpy_uninstall(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.Uninstall)
}

//export helm_sdkpy_list
func helm_sdkpy_list(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.List)
}

//export helm_sdkpy_status
func helm_sdkpy_status(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.Status)
}

//export helm_sdkpy_history
func helm_sdkpy_history(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.History)
}

//export helm_sdkpy_get_all
func helm_sdkpy_get_all(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.GetAll)
}

//export helm_sdkpy_get_hooks
func helm_sdkpy_get_hooks(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.GetHooks)
}

//export helm_sdkpy_get_manifest
func helm_sdkpy_get_manifest(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.GetManifest)
}

//export helm_sdkpy_get_metadata
func helm_sdkpy_get_metadata(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.GetMetadata)
}

//export helm_sdkpy_get_notes
func helm_sdkpy_get_notes(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.GetNotes)
}

//export helm_sdkpy_get_values
func helm_sdkpy_get_values(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.GetValues)
}

//export helm_sdkpy_test
func helm_sdkpy_test(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.Test)
}
