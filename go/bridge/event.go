package bridge

import (
	"bytes"
	"encoding/json"
	"encoding/json/jsontext"
	"strconv"
	"time"
)

// The types of events.
const (
	TypePhase    = "phase"
	TypeResource = "resource"
	TypeHook     = "hook"
	TypeLog      = "log"
	TypeWarning  = "warning"
)

// Event is something that a user may want to know while an operation runs.
//
// It is encoded after Emit has returned, on another goroutine: what it refers to must not change any more.
type Event struct {
	Type      string         `json:"type"`
	Release   string         `json:"release,omitempty"`
	Namespace string         `json:"namespace,omitempty"`
	Phase     string         `json:"phase,omitempty"`
	Resource  *Resource      `json:"resource,omitempty"`
	Action    string         `json:"action,omitempty"`
	Status    string         `json:"status,omitempty"`
	Level     string         `json:"level,omitempty"`
	Message   string         `json:"message,omitempty"`
	Fields    map[string]any `json:"fields,omitempty"`
	Time      time.Time      `json:"-"` // written by the bridge, in milliseconds; now where it is zero
}

// Resource names an object of the cluster.
type Resource struct {
	APIVersion string `json:"api_version"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

const timeLayout = "2006-01-02T15:04:05.000Z"

func encodeEvent(op uint64, event Event) []byte {
	wire := struct {
		Op   uint64 `json:"op"`
		Time string `json:"time"`
		Event
	}{op, event.Time.UTC().Format(timeLayout), event}
	text, err := Encode(wire)
	if err != nil {
		wire.Fields = map[string]any{"fields_error": err.Error()}
		text, _ = Encode(wire)
	}
	return text
}

func encodeCall(op, call uint64, method, argument string) []byte {
	text, _ := Encode(struct { // strings and numbers always encode
		Op       uint64 `json:"op"`
		Type     string `json:"type"`
		Call     uint64 `json:"call"`
		Method   string `json:"method"`
		Argument string `json:"argument"`
	}{op, "call", call, method, argument})
	return text
}

// encodeDone puts together what is encoded already: a result can be megabytes, and a RawMessage would be checked again.
func encodeDone(op uint64, key string, value json.RawMessage, dropped int) []byte {
	text := make([]byte, 0, len(value)+64)
	text = append(text, `{"op":`...)
	text = strconv.AppendUint(text, op, 10)
	text = append(text, `,"type":"done",`...)
	if dropped > 0 {
		text = append(text, `"dropped":`...)
		text = strconv.AppendInt(text, int64(dropped), 10)
		text = append(text, ',')
	}
	text = strconv.AppendQuote(text, key)
	text = append(text, ':')
	text = append(text, value...)
	return append(text, '}')
}

// Appender is a result that knows its JSON better than encoding/json, which would check and copy it once more.
type Appender interface {
	AppendJSON(text []byte) ([]byte, error)
}

// Encode is JSON without the escapes that only HTML needs.
func Encode(value any) (json.RawMessage, error) {
	if text, ok := value.(string); ok {
		// A rendered chart can be megabytes: this takes half the time. Bytes that are no UTF-8 are replaced, as below.
		quoted, _ := jsontext.AppendQuote(make([]byte, 0, len(text)+len(text)/8+2), text)
		return quoted, nil
	}
	if appender, ok := value.(Appender); ok {
		return appender.AppendJSON(nil)
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}
