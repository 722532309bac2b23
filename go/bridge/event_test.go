package bridge

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestATextIsEncodedAsAnyOtherValue(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "plain", "a\n\t\"b\"\\ <&>", "käse 漢字 \U0001f389 \u2028", "\x00\x1f\x7f", "not \xff\xfe UTF-8", strings.Repeat("x\n", 9999)} {
		var one, other string
		quoted, err := Encode(text)
		if err == nil {
			err = json.Unmarshal(quoted, &one)
		}
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		within, err := Encode([]string{text})
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		if err := json.Unmarshal(within, &list); err != nil {
			t.Fatal(err)
		}
		other = list[0]
		if one != other || one != strings.ToValidUTF8(text, "\uFFFD") && !strings.Contains(text, "\xff") {
			t.Errorf("%q became %q, in a list %q", text, one, other)
		}
	}
}
