package bridge

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"time"
)

// levelNone is above every level: no log events at all.
const levelNone = slog.Level(math.MaxInt32)

// textLimit bounds one text of a log event: Helm logs whole manifests at debug level.
const textLimit = 16 << 10

// levels are the names that Python's logging has for slog's.
var levels = map[string]slog.Level{
	"":        levelNone,
	"debug":   slog.LevelDebug,
	"info":    slog.LevelInfo,
	"warning": slog.LevelWarn,
	"error":   slog.LevelError,
}

func levelName(level slog.Level) string {
	switch {
	case level < slog.LevelInfo:
		return "debug"
	case level < slog.LevelWarn:
		return "info"
	case level < slog.LevelError:
		return "warning"
	default:
		return "error"
	}
}

// logHandler makes log events of records.
//
// Attributes are turned into plain values at once: they may point at what the caller goes on to change.
type logHandler struct {
	level  func() slog.Level
	emit   func(Event)
	fields map[string]any
	groups []string
}

// Enabled implements slog.Handler.
func (h *logHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level() }

// Handle implements slog.Handler.
func (h *logHandler) Handle(_ context.Context, record slog.Record) error {
	attrs := make([]slog.Attr, 0, record.NumAttrs())
	record.Attrs(func(attr slog.Attr) bool {
		attrs = append(attrs, attr)
		return true
	})
	h.emit(Event{
		Type:    TypeLog,
		Level:   levelName(record.Level),
		Message: shorten(record.Message),
		Time:    record.Time,
		Fields:  merge(h.fields, h.groups, attrs),
	})
	return nil
}

// WithAttrs implements slog.Handler.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *h
	next.fields = merge(h.fields, h.groups, attrs)
	return &next
}

// WithGroup implements slog.Handler.
func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	next := *h
	next.groups = append(slices.Clip(h.groups), name)
	return &next
}

// merge adds attributes to the group's object, copying each object on the way: handlers share them.
func merge(fields map[string]any, groups []string, attrs []slog.Attr) map[string]any {
	if len(attrs) == 0 {
		return fields
	}
	fields = maps.Clone(fields)
	if fields == nil {
		fields = map[string]any{}
	}
	if len(groups) > 0 {
		inner, _ := fields[groups[0]].(map[string]any)
		if added := merge(inner, groups[1:], attrs); len(added) > 0 {
			fields[groups[0]] = added
		}
		return fields
	}
	for _, attr := range attrs {
		value := attr.Value.Resolve()
		switch {
		case attr.Equal(slog.Attr{}):
		case value.Kind() == slog.KindGroup && attr.Key == "":
			fields = merge(fields, nil, value.Group())
		case value.Kind() == slog.KindGroup:
			if group := merge(nil, nil, value.Group()); len(group) > 0 {
				fields[attr.Key] = group
			}
		default:
			fields[attr.Key] = plain(value)
		}
	}
	return fields
}

func plain(value slog.Value) any {
	switch value.Kind() {
	case slog.KindBool, slog.KindInt64, slog.KindUint64:
		return value.Any()
	case slog.KindFloat64:
		if number := value.Float64(); !math.IsNaN(number) && !math.IsInf(number, 0) {
			return number
		}
	case slog.KindTime:
		return value.Time().UTC().Format(time.RFC3339Nano)
	}
	// fmt also survives a nil pointer's String or Error method.
	return shorten(fmt.Sprint(value.Any()))
}

func shorten(text string) string {
	if len(text) <= textLimit {
		return text
	}
	return fmt.Sprintf("%s… (%d bytes more)", text[:textLimit], len(text)-textLimit)
}
