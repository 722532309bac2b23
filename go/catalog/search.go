package catalog

import (
	"regexp"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// Query is what is looked for.
type Query struct {
	Keyword    string         // "" is in every chart
	Pattern    *regexp.Regexp // instead of the keyword
	Constraint *semver.Constraints
	Versions   bool // every version that matches, not the best of each chart alone
}

// Row is one chart that was found, with the keys of helm's own JSON.
type Row struct {
	Name        string `json:"name"`
	Version     string `json:"version"`
	AppVersion  string `json:"app_version"`
	Description string `json:"description"`
}

// worst is the score that is too far off (helm: pkg/cmd/search_repo.go, searchMaxScore).
const worst = 25

// Search gives rows in the order of `helm search repo`: those with the keyword in their name first, then in the whole
// name, the description, the keywords; by name; the newest version first.
func Search(catalogs []*Catalog, query Query) []Row {
	var found [worst][]Row
	seen := map[string]int{}
	for _, one := range query.sorted(catalogs) {
		for i := range one.versions {
			each := &one.versions[i]
			score := int(one.scores[each.text])
			if score < 0 || !query.Constraint.Check(&each.parsed) {
				continue
			}
			if !query.Versions {
				// The versions come newest first, and of the same score only the first counts.
				if better, known := seen[one.name]; known && better <= score {
					continue
				}
				seen[one.name] = score
			}
			found[score] = append(found[score], Row{
				Name: one.name, Version: each.number, AppVersion: each.appVersion, Description: one.texts[each.text].description,
			})
		}
	}
	rows := []Row{}
	for score, some := range found {
		for _, row := range some {
			if query.Versions || seen[row.Name] == score {
				rows = append(rows, row)
			}
		}
	}
	return rows
}

// candidate is a chart with the scores of its catalog's texts.
type candidate struct {
	*chart
	texts  []text
	scores []int8
}

// sorted are the charts of all catalogs by name.
func (q Query) sorted(catalogs []*Catalog) []candidate {
	var all []candidate
	for _, one := range catalogs {
		scores := q.scores(one.texts)
		for i := range one.charts {
			all = append(all, candidate{&one.charts[i], one.texts, scores})
		}
	}
	byName := func(a, b candidate) int { return strings.Compare(a.name, b.name) }
	if !slices.IsSortedFunc(all, byName) {
		slices.SortStableFunc(all, byName)
	}
	return all
}

// scores says for each text how far off it is, -1 where it does not match.
func (q Query) scores(texts []text) []int8 {
	scores := make([]int8, len(texts))
	keyword := strings.ToLower(q.Keyword)
	for i, one := range texts {
		line, at := one.lower, 0
		switch {
		case q.Pattern != nil:
			line, at = one.line, -1
			if place := q.Pattern.FindStringIndex(one.line); place != nil {
				at = place[0]
			}
		case keyword != "":
			at = strings.Index(one.lower, keyword)
		}
		scores[i] = -1
		if at < 0 {
			continue
		}
		// How many fields come before the one that the match begins in (helm: pkg/cmd/search/search.go, calcScore).
		if score := strings.Count(line[:at], fieldSeparator); score < worst {
			scores[i] = int8(score)
		}
	}
	return scores
}
