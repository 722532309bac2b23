// Package main is the C face of the library: each exported function is a line over the bridge.
//
// All texts are UTF-8 JSON that ends with a zero byte. The caller keeps what it passes in: it is read before the function
// returns. What a function returns is the caller's, which gives it back once with helm_sdkpy_free. No pointer is kept on
// either side, and every function may be called from any thread at any time; only helm_sdkpy_next_events and
// helm_sdkpy_shutdown block.
package main

/*
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
*/
import "C"

import (
	"math"
	"time"
	"unsafe"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// main is never called: a library is built of package main all the same.
func main() {}

// library is made while the library loads. A variable's initialisation is all that runs of a c-shared package before its
// functions can be called, and what Go's packages print or log must be caught before any of them starts.
var library = newLibrary()

//export helm_sdkpy_version
func helm_sdkpy_version() *C.char { return answer(versions) }

//export helm_sdkpy_config_create
func helm_sdkpy_config_create(options *C.char) *C.char {
	return answer(func() (any, error) { return library.create(bytesOf(options)) })
}

//export helm_sdkpy_config_destroy
func helm_sdkpy_config_destroy(config C.uint64_t) *C.char {
	return answer(func() (any, error) { return library.destroy(uint64(config)) })
}

//export helm_sdkpy_env
func helm_sdkpy_env(config C.uint64_t) *C.char {
	return answer(func() (any, error) { return library.env(uint64(config)) })
}

//export helm_sdkpy_cancel
func helm_sdkpy_cancel(op C.uint64_t) *C.char {
	return answer(func() (any, error) { library.runtime.Cancel(uint64(op)); return nil, nil })
}

//export helm_sdkpy_stop
func helm_sdkpy_stop(op C.uint64_t, reason *C.char) *C.char {
	return answer(func() (any, error) {
		var why string
		if err := bridge.Decode(bytesOf(reason), &why); err != nil {
			return nil, err
		}
		library.runtime.Stop(uint64(op), why)
		return nil, nil
	})
}

//export helm_sdkpy_reply
func helm_sdkpy_reply(op C.uint64_t, reply *C.char) *C.char {
	return answer(func() (any, error) { return nil, library.runtime.Reply(uint64(op), bytesOf(reply)) })
}

//export helm_sdkpy_next_events
func helm_sdkpy_next_events() *C.char { return textOf(library.runtime.NextEvents()) }

//export helm_sdkpy_shutdown
func helm_sdkpy_shutdown(seconds C.double) *C.char {
	return answer(func() (any, error) {
		return map[string]int{"abandoned": library.runtime.Shutdown(duration(float64(seconds)))}, nil
	})
}

//export helm_sdkpy_free
func helm_sdkpy_free(text *C.char) { C.free(unsafe.Pointer(text)) }

// start is what every action's function does.
func start[Request, Result any](config, op C.uint64_t, request *C.char, action func(*bridge.Operation, *session.Configuration, Request) (Result, error)) *C.char {
	return textOf(bridge.Start(library.runtime, library.configurations, uint64(config), uint64(op), bytesOf(request), action))
}

// answer keeps a panic from unwinding into C, which would end the process.
func answer(f func() (any, error)) *C.char {
	var value any
	err := bridge.Guard("helm_sdkpy", func() (err error) {
		value, err = f()
		return err
	})
	return textOf(bridge.Answer(value, err))
}

// textOf copies the text to memory of C's.
func textOf(text []byte) *C.char { return C.CString(unsafe.String(unsafe.SliceData(text), len(text))) }

// bytesOf copies a text of C's; no text is an empty one, which no request is.
func bytesOf(text *C.char) []byte {
	if text == nil {
		return nil
	}
	return C.GoBytes(unsafe.Pointer(text), C.int(min(C.strlen(text), math.MaxInt32)))
}

// duration is a number of seconds that C may have made of anything.
func duration(seconds float64) time.Duration {
	switch {
	case !(seconds > 0):
		return 0
	case seconds >= math.MaxInt64/float64(time.Second):
		return math.MaxInt64
	default:
		return time.Duration(seconds * float64(time.Second))
	}
}
