// Package actions holds one file for each helm command: its request, its result and the function that does it.
//
// A function composes what it needs of packages session and watch around Helm's own action, and leaves the release
// in a state that the next call can handle, however it ended (settle.go).
package actions
