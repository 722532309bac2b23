package main

// #include <stdint.h>
import "C"

import "github.com/helm-sdkpy/helm-sdkpy/go/actions"

// The actions on repositories and registries (helm_sdkpy/repo.py).

//export helm_sdkpy_repo_add
func helm_sdkpy_repo_add(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.RepoAdd)
}

//export helm_sdkpy_repo_remove
func helm_sdkpy_repo_remove(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.RepoRemove)
}

//export helm_sdkpy_repo_list
func helm_sdkpy_repo_list(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.RepoList)
}

//export helm_sdkpy_repo_update
func helm_sdkpy_repo_update(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.RepoUpdate)
}

//export helm_sdkpy_repo_index
func helm_sdkpy_repo_index(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.RepoIndex)
}

//export helm_sdkpy_search_repo
func helm_sdkpy_search_repo(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.SearchRepo)
}

//export helm_sdkpy_search_hub
func helm_sdkpy_search_hub(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.SearchHub)
}

//export helm_sdkpy_registry_login
func helm_sdkpy_registry_login(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.RegistryLogin)
}

//export helm_sdkpy_registry_logout
func helm_sdkpy_registry_logout(config, op C.uint64_t, request *C.char) *C.char {
	return start(config, op, request, actions.RegistryLogout)
}
