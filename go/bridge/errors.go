package bridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
)

// The codes that the bridge itself gives; actions add theirs.
const (
	CodeCancelled      = "cancelled"
	CodeDuplicate      = "duplicate_operation"
	CodeHelm           = "helm" // an error that nobody gave a code
	CodeInvalidRequest = "invalid_request"
	CodeInvalidResult  = "invalid_result"
	CodePanic          = "panic"
	CodeShuttingDown   = "shutting_down"
	CodeStaleHandle    = "stale_handle"
	CodeCallable       = "callable_failed"
	CodeUnknownCall    = "unknown_call"
)

// Error is what crosses to Python: a code that picks the exception's class, a message for people, details for programs.
type Error struct {
	Code    string
	Message string
	Details map[string]any
	Cause   error
}

// Error gives the message alone: the code is for programs.
func (e *Error) Error() string { return e.Message }

// Unwrap gives the error that this one explains.
func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an Error; what the format wraps with %w becomes its cause.
func Errorf(code, format string, args ...any) *Error {
	wrapped := fmt.Errorf(format, args...)
	cause := errors.Unwrap(wrapped)
	if _, several := wrapped.(interface{ Unwrap() []error }); several {
		cause = wrapped
	}
	return &Error{Code: code, Message: wrapped.Error(), Cause: cause}
}

// with gives the error one more detail, leaving the original as it is.
func (e *Error) with(key string, value any) *Error {
	changed := *e
	changed.Details = maps.Clone(e.Details)
	if changed.Details == nil {
		changed.Details = map[string]any{}
	}
	changed.Details[key] = value
	return &changed
}

// Guard runs f and turns a panic in it into an error.
func Guard(what string, f func() error) (err error) {
	defer Recover(what, &err)
	return f()
}

// Recover turns a panic of the deferring function into an error; it must be deferred itself, not called by a deferred function.
//
// Helm runs part of its work on goroutines of its own, where only the methods that it calls on us can recover.
func Recover(what string, err *error) {
	if reason := recover(); reason != nil {
		*err = panicked(what, reason, debug.Stack())
	}
}

func panicked(what string, reason any, stack []byte) *Error {
	cause, _ := reason.(error)
	return &Error{
		Code:    CodePanic,
		Message: fmt.Sprintf("%s: panic: %v", what, reason),
		Details: map[string]any{"stack": string(stack)},
		Cause:   cause,
	}
}

// asError finds the Error within err, whose message is then that of the whole chain, or makes one.
func asError(err error, code string) *Error {
	if found, ok := errors.AsType[*Error](err); ok {
		whole := *found
		whole.Message = err.Error()
		return &whole
	}
	return &Error{Code: code, Message: err.Error(), Cause: err}
}

// Answer is what an exported function returns: the value (nil: an empty object), or {"error": {...}}.
func Answer(value any, err error) []byte {
	if err == nil && value == nil {
		return []byte("{}")
	}
	if err == nil {
		var text []byte
		if text, err = Encode(value); err == nil {
			return text
		}
		err = Errorf(CodeInvalidResult, "encoding the answer: %w", err)
	}
	return append(append([]byte(`{"error":`), encodeError(asError(err, CodeHelm))...), '}')
}

type wireError struct {
	Code    string         `json:"code"`
	Message string         `json:"message"`
	Details map[string]any `json:"details"`
}

func encodeError(err *Error) json.RawMessage {
	details := err.Details
	if details == nil {
		details = map[string]any{}
	}
	text, failed := Encode(wireError{err.Code, err.Message, details})
	if failed != nil {
		// Details that JSON can not hold must not hide the error that they belong to.
		text, _ = Encode(wireError{err.Code, err.Message, map[string]any{"details_error": failed.Error()}})
	}
	return text
}
