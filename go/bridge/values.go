package bridge

import (
	jsonv1 "encoding/json"
	"encoding/json/jsontext"
	"encoding/json/v2"
	"errors"
	"math"
	"strconv"
)

// DecodeValues reads a chart's values. Integers stay integers, as --set makes them and values files do not, so that templates
// render large ones as they were written. Nothing, or null, is no values.
func DecodeValues(raw jsonv1.RawMessage) (map[string]any, error) {
	values := map[string]any{}
	if len(raw) == 0 {
		return values, nil
	}
	var given struct {
		Values *map[string]any `json:"values"`
	}
	given.Values = &values
	// The object around them gives every error's path the keyword that it begins with.
	around := make([]byte, 0, len(raw)+len(`{"values":}`))
	around = append(append(append(around, `{"values":`...), raw...), '}')
	if err := decode(around, &given, json.WithUnmarshalers(json.UnmarshalFromFunc(readNumber))); err != nil {
		return nil, err
	}
	if given.Values == nil || *given.Values == nil {
		return map[string]any{}, nil
	}
	return *given.Values, nil
}

// readNumber keeps an integer whole where 64 bits can hold it; all that is no number is left to the package.
func readNumber(decoder *jsontext.Decoder, into *any) error {
	if decoder.PeekKind() != '0' {
		return errors.ErrUnsupported
	}
	token, err := decoder.ReadToken()
	if err != nil {
		return err
	}
	text := token.String()
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil {
		*into = whole
		return nil
	}
	if whole, err := strconv.ParseUint(text, 10, 64); err == nil {
		*into = whole
		return nil
	}
	fraction, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(fraction, 0) {
		return Errorf(CodeInvalidRequest, "the number %s is out of range", shorten(text))
	}
	*into = fraction
	return nil
}
