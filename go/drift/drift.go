// Package drift finds what differs between objects as the cluster has them and as they are, or were, to be deployed: by
// what the API server answers to a dry run, so that its defaults, its normal forms and its webhooks make no difference.
package drift

import "slices"

// What becomes of an object, as Action says.
const (
	ActionCreate   = "create"   // it is not there
	ActionChange   = "change"   // it is there, and not so
	ActionDelete   = "delete"   // it is no part of the release any more
	ActionKeep     = "keep"     // the same, and its helm.sh/resource-policy has it stay
	ActionNone     = "none"     // there is nothing to do
	ActionSkip     = "skip"     // it differs, and is left alone: a definition of crds/, or an object that says so
	ActionConflict = "conflict" // fields of it belong to others, and the server refuses for that
	ActionRefused  = "refused"  // the server refuses it: Message says why
)

// Object is what would become of one object.
type Object struct {
	APIVersion string   `json:"api_version"`
	Kind       string   `json:"kind"`
	Namespace  string   `json:"namespace"`
	Name       string   `json:"name"`
	Action     string   `json:"action"`
	Hook       bool     `json:"hook"`
	CRD        bool     `json:"crd"` // of the chart's crds/
	Message    string   `json:"message"`
	Changes    []Change `json:"changes"`

	before, after map[string]any // masked, for the text
}

// Change is one difference: what the cluster has, and what would be there instead.
type Change struct {
	Op       string   `json:"op"`   // add, remove, replace
	Path     string   `json:"path"` // a JSON pointer; empty is the whole object
	Before   any      `json:"before"`
	After    any      `json:"after"`
	Managers []string `json:"managers"` // who owns the field now
}

// Differs says whether helm would do anything to the object, or try to.
func (o Object) Differs() bool {
	return slices.Contains([]string{ActionCreate, ActionChange, ActionDelete, ActionConflict, ActionRefused}, o.Action)
}
