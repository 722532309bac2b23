package catalog

import (
	"log/slog"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/repo/v1"
	"sigs.k8s.io/yaml"
)

// readBlock reads an index as `helm repo index` and everything else that is made with Go's YAML writes it, ten times as
// fast as a YAML parser: block style, known keys, two spaces. An entry with anything else in it is left to the parser,
// and for whatever could be no such index ok is false: then the parser reads the whole, and says what is wrong.
func readBlock(repository, text, source string, log *slog.Logger) (made *Catalog, ok bool) {
	if !printable(text) {
		return nil, false
	}
	b := &block{text: text, source: source, log: log, builder: newBuilder(repository), seen: map[string]bool{}}
	for b.text != "" {
		if !b.step() {
			return nil, false
		}
	}
	b.flush()
	if b.apiVersion == "" || !b.seen["entries"] {
		return nil, false
	}
	for _, tell := range b.skipped {
		tell()
	}
	return b.builder.done(), true
}

// printable says that the parser would take every character, and takes none but a newline for the end of a line.
func printable(text string) bool {
	if !utf8.ValidString(text) {
		return false
	}
	for _, char := range text {
		switch {
		case char == '\n', ' ' <= char && char <= '~', 0xA0 <= char && char < 0xD800 && char != 0x2028 && char != 0x2029,
			0xE000 <= char && char <= 0xFFFD && char != 0xFEFF, char > 0xFFFF:
		default:
			return false
		}
	}
	return true
}

type block struct {
	text       string // what is still to be read, from the beginning of a line
	source     string
	log        *slog.Logger
	builder    *builder
	seen       map[string]bool // keys of the top, and names of entries with a space before
	apiVersion string

	within   bool // below the key `entries`
	open     bool // inside an entry
	entry    string
	releases []release
	skipped  []func() // what is to be logged, once it is certain that this is the whole index
}

// step reads a line of the top, the name of an entry, or one version.
func (b *block) step() bool {
	line, rest := cutLine(b.text)
	switch {
	case strings.HasPrefix(line, "  - "):
		return b.open && b.version()
	case strings.HasPrefix(line, "  ") && len(line) > 3 && line[2] != ' ':
		b.text = rest
		name, empty := strings.CutSuffix(line[2:], ": []")
		if !empty {
			name = strings.TrimSuffix(name, ":")
		}
		if !b.within || len(name) == len(line)-2 || !isText(name) || strings.Contains(name, ":") || b.seen[" "+name] {
			return false
		}
		b.flush()
		b.seen[" "+name] = true
		b.open, b.entry = !empty, name
		if empty {
			b.builder.add(name, nil)
		}
		return true
	}
	b.text = rest
	key, value, found := strings.Cut(line, ":")
	if !found || b.seen[key] {
		return false
	}
	b.flush()
	b.seen[key] = true
	b.within = line == "entries:"
	value, spaced := strings.CutPrefix(value, " ")
	switch key {
	case "entries":
		return b.within || line == "entries: {}"
	case "apiVersion":
		b.apiVersion = value
		return spaced && isText(value)
	case "generated":
		return spaced && isTime(value)
	case "serverInfo":
		return value == "{}"
	}
	return false
}

// flush hands on the entry that was read.
func (b *block) flush() {
	if b.open {
		b.builder.add(b.entry, b.releases)
	}
	b.open, b.releases = false, b.releases[:0]
}

// version reads one item of an entry.
func (b *block) version() bool {
	end := 0
	for {
		line, rest := cutLine(b.text[end:])
		if end > 0 && line != "" && !strings.HasPrefix(line, "   ") {
			break
		}
		end = len(b.text) - len(rest)
		if rest == "" {
			break
		}
	}
	text := b.text[:end]
	b.text = b.text[end:]
	item := item{text: text, first: true}
	one := &repo.ChartVersion{Metadata: &item.metadata}
	if !item.read() {
		one = &repo.ChartVersion{}
		var items []*repo.ChartVersion
		if err := yaml.UnmarshalStrict([]byte(text), &items); err != nil || len(items) != 1 {
			return false
		}
		one = items[0]
	}
	if err := problem(one); err != nil {
		entry := b.entry
		b.skipped = append(b.skipped, func() { skip(b.log, entry, one, b.source, err) })
		return true
	}
	b.releases = append(b.releases, release{one.Name, one.Version, one.AppVersion, one.Description, one.Keywords})
	return true
}

// item is one version of a chart.
type item struct {
	text     string
	first    bool
	seen     uint64
	metadata chartv2.Metadata
}

// kind says what a key of an item has; the values of most are not needed, only that there is nothing odd about them.
type kind int

const (
	kindText kind = iota + 1
	kindKept
	kindTime
	kindFlag
	kindTexts
	kindKeywords
	kindMaps
	kindMap
)

type field struct {
	bit  uint64
	kind kind
}

func fieldsOf(kinds map[kind][]string) map[string]field {
	fields := map[string]field{}
	for kind, names := range kinds {
		for _, name := range names {
			fields[name] = field{1 << len(fields), kind}
		}
	}
	return fields
}

// The keys of repo.ChartVersion (helm: pkg/repo/v1/index.go, pkg/chart/v2/metadata.go), and those within its lists of maps.
var (
	itemFields = fieldsOf(map[kind][]string{
		kindText: {
			"checksum", "condition", "digest", "engine", "home", "icon", "kubeVersion", "tags", "tillerVersion", "url",
		},
		kindKept:     {"apiVersion", "appVersion", "description", "name", "type", "version"},
		kindTime:     {"created"},
		kindFlag:     {"deprecated", "removed"},
		kindTexts:    {"sources", "urls"},
		kindKeywords: {"keywords"},
		kindMaps:     {"maintainers", "dependencies"},
		kindMap:      {"annotations"},
	})
	innerFields = map[string]map[string]bool{
		"maintainers": {"name": true, "email": true, "url": true},
		// An alias is checked, import-values may hold anything: both are left to the parser.
		"dependencies": {"name": true, "version": true, "repository": true, "condition": true},
	}
)

const itemIndent = 4

func (i *item) read() bool {
	for i.text != "" {
		line := i.next()
		if indentOf(line) != itemIndent {
			return false
		}
		key, value, found := strings.Cut(line[itemIndent:], ":")
		known := itemFields[key]
		if !found || known.kind == 0 || i.seen&known.bit != 0 || !i.field(key, value, known.kind) {
			return false
		}
		i.seen |= known.bit
	}
	return true
}

func (i *item) field(key, value string, kind kind) bool {
	value, spaced := strings.CutPrefix(value, " ")
	if value != "" && !spaced {
		return false
	}
	switch kind {
	case kindText:
		_, ok := i.scalar(value, itemIndent)
		return ok
	case kindKept:
		text, ok := i.scalar(value, itemIndent)
		if !ok || value[0] != '\'' && value[0] != '"' && value[0] != '|' && !isText(text) {
			return false
		}
		*i.kept(key) = text
		return true
	case kindTime:
		return isTime(value)
	case kindFlag:
		return value == "true" || value == "false"
	case kindTexts, kindKeywords:
		return value == "[]" || value == "" && i.texts(kind == kindKeywords)
	case kindMaps:
		return value == "" && i.maps(innerFields[key])
	case kindMap:
		return value == "" && i.mapping()
	}
	return false
}

// kept is where a text belongs that is needed.
func (i *item) kept(key string) *string {
	switch key {
	case "apiVersion":
		return &i.metadata.APIVersion
	case "appVersion":
		return &i.metadata.AppVersion
	case "description":
		return &i.metadata.Description
	case "name":
		return &i.metadata.Name
	case "type":
		return &i.metadata.Type
	}
	return &i.metadata.Version
}

// texts reads a list of texts.
func (i *item) texts(keep bool) bool {
	count := 0
	for strings.HasPrefix(i.text, "    - ") {
		value := i.next()[itemIndent+2:]
		text, ok := i.scalar(value, itemIndent)
		if !ok || keep && value[0] != '\'' && value[0] != '"' && value[0] != '|' && !isText(text) {
			return false
		}
		if keep {
			i.metadata.Keywords = append(i.metadata.Keywords, text)
		}
		count++
	}
	return count > 0
}

// maps reads a list of maps with these keys.
func (i *item) maps(keys map[string]bool) bool {
	count := 0
	for strings.HasPrefix(i.text, "    - ") {
		seen := map[string]bool{}
		for line := "      " + i.next()[itemIndent+2:]; ; line = i.next() {
			key, value, _ := strings.Cut(line[itemIndent+2:], ": ")
			if !keys[key] || seen[key] {
				return false
			}
			seen[key] = true
			if _, ok := i.scalar(value, itemIndent+2); !ok {
				return false
			}
			if next, _ := cutLine(i.text); indentOf(next) != itemIndent+2 {
				break
			}
		}
		count++
	}
	return count > 0
}

// mapping reads a map of texts.
func (i *item) mapping() bool {
	seen := map[string]bool{}
	for {
		line, _ := cutLine(i.text)
		if indentOf(line) != itemIndent+2 {
			return len(seen) > 0
		}
		i.next()
		key, value, _ := strings.Cut(line[itemIndent+2:], ": ")
		if !isText(key) || strings.ContainsAny(key, ":,[]{}") || seen[key] {
			return false
		}
		seen[key] = true
		if _, ok := i.scalar(value, itemIndent+2); !ok {
			return false
		}
	}
}

// next takes a line; the dash of the first one counts as a space.
func (i *item) next() string {
	line, rest := cutLine(i.text)
	i.text = rest
	if i.first {
		i.first = false
		line = "    " + line[itemIndent:]
	}
	return line
}

// scalar reads a text whose first line is value, below a key of that indentation.
func (i *item) scalar(value string, indent int) (text string, ok bool) {
	if value == "" || strings.HasSuffix(value, " ") {
		return "", false
	}
	switch value[0] {
	case '"':
		inner, closed := strings.CutSuffix(value[1:], `"`)
		return inner, closed && !strings.ContainsAny(inner, `"\`) && i.ends(indent)
	case '\'':
		return i.quoted(value, indent)
	case '|':
		return i.literal(value, indent)
	}
	return i.plain(value, indent)
}

// ends says that the value does not go on in the next line.
func (i *item) ends(indent int) bool {
	line, _ := cutLine(i.text)
	return i.text == "" || line != "" && indentOf(line) <= indent
}

// more gives the next line of a value that goes on.
func (i *item) more(indent int) (line string, ok bool) {
	line, _ = cutLine(i.text)
	if line == "" || indentOf(line) <= indent || strings.HasSuffix(line, " ") {
		return "", false
	}
	return strings.TrimLeft(i.next(), " "), true
}

func (i *item) plain(value string, indent int) (text string, ok bool) {
	// The characters that make something else than a text of what follows.
	if strings.ContainsRune("-?:,[]{}#&*!|>'\"%@`", rune(value[0])) || !plainLine(value) {
		return "", false
	}
	for !i.ends(indent) {
		line, ok := i.more(indent)
		if !ok || line[0] == '#' || !plainLine(line) {
			return "", false
		}
		value += " " + line
	}
	return value, true
}

func plainLine(line string) bool {
	return !strings.Contains(line, ": ") && !strings.Contains(line, " #") && !strings.HasSuffix(line, ":")
}

func (i *item) quoted(value string, indent int) (text string, ok bool) {
	value = value[1:]
	for {
		inner := strings.ReplaceAll(value, "''", "")
		if at := strings.IndexByte(inner, '\''); at >= 0 {
			inner, closed := strings.CutSuffix(value, "'")
			return strings.ReplaceAll(inner, "''", "'"), closed && at == len(strings.ReplaceAll(value, "''", ""))-1 && i.ends(indent)
		}
		line, ok := i.more(indent)
		if !ok {
			return "", false
		}
		value += " " + line
	}
}

func (i *item) literal(header string, indent int) (text string, ok bool) {
	if header != "|" && header != "|-" {
		return "", false
	}
	first, _ := cutLine(i.text)
	own := indentOf(first)
	if own <= indent {
		return "", false
	}
	var lines []string
	for i.text != "" {
		line, _ := cutLine(i.text)
		if line != "" && indentOf(line) <= indent {
			break
		}
		if line != "" && (indentOf(line) < own || strings.TrimSpace(line) == "") {
			return "", false
		}
		i.next()
		lines = append(lines, line[min(own, len(line)):])
	}
	text = strings.TrimRight(strings.Join(lines, "\n"), "\n")
	if header == "|" {
		text += "\n"
	}
	return text, true
}

func cutLine(text string) (line, rest string) {
	line, rest, _ = strings.Cut(text, "\n")
	return line, rest
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

var (
	// What the parser takes for a bool or for nothing begins with a letter, too.
	words = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null)$`)
	// It takes nothing with two dots for a number.
	dotted = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9A-Za-z.+-]+$`)
)

// isText says that the parser would make a text of it, and the same one, if it stood there without quotes.
func isText(value string) bool {
	if value == "" || !plainLine(value) || value[len(value)-1] == ' ' {
		return false
	}
	first := value[0]
	if 'a' <= first && first <= 'z' || 'A' <= first && first <= 'Z' {
		return len(value) > 5 || !words.MatchString(value)
	}
	return '0' <= first && first <= '9' && dotted.MatchString(value)
}

func isTime(value string) bool {
	if inner, quoted := strings.CutPrefix(value, `"`); quoted {
		if value, quoted = strings.CutSuffix(inner, `"`); !quoted {
			return false
		}
	}
	return new(time.Time).UnmarshalText([]byte(value)) == nil
}
