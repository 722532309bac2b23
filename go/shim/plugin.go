package main

// #include <stdint.h>
import "C"

import "github.com/helm-sdkpy/helm-sdkpy/go/actions"

// The actions on plugins (helm_sdkpy/plugin.py).

//export helm_sdkpy_plugin_install
func helm_sdkpy_plugin_install(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.PluginInstall)
}

//export helm_sdkpy_plugin_list
func helm_sdkpy_plugin_list(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.PluginList)
}

//export helm_sdkpy_plugin_uninstall
func helm_sdkpy_plugin_uninstall(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.PluginUninstall)
}

//export helm_sdkpy_plugin_update
func helm_sdkpy_plugin_update(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.PluginUpdate)
}

//export helm_sdkpy_plugin_package
func helm_sdkpy_plugin_package(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.PluginPackage)
}

//export helm_sdkpy_plugin_verify
func helm_sdkpy_plugin_verify(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.PluginVerify)
}
