package actions

import "regexp"

// Where a schema's error quotes the value that does not hold (jsonschema: kind/kind.go, Pattern and Format): a password
// that is too simple must not end up in a log.
var quotedValues = []struct {
	quoted  *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`(?m)^( *- at '(?:[^'\\]|\\.)*': )'(?:[^'\\]|\\.)*' does not match pattern `), "${1}the value does not match pattern "},
	// What is wrong with a format can quote the value again.
	{regexp.MustCompile(`(?m)^( *- at '(?:[^'\\]|\\.)*': )'(?:[^'\\]|\\.)*' is not valid ([\w-]+): .*$`), "${1}the value is not valid $2"},
}

// withoutValues is what a schema's error says of the values, without those that it quotes.
func withoutValues(message string) string {
	for _, each := range quotedValues {
		message = each.quoted.ReplaceAllString(message, each.instead)
	}
	return message
}
