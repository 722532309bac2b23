package main

// #include <stdint.h>
import "C"

import "github.com/helm-sdkpy/helm-sdkpy/go/actions"

// What no helm command does (helm_sdkpy/state.py).

//export helm_sdkpy_diff
func helm_sdkpy_diff(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.Diff)
}

//export helm_sdkpy_recover
func helm_sdkpy_recover(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.Recover)
}

//export helm_sdkpy_wait
func helm_sdkpy_wait(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.Wait)
}
