// Package main compares two directories of Go sources: which cited declarations are not what they were, and which texts
// of errors are gone or new. Comments and layout do not count.
//
// scripts/move_helm.py asks it about two versions of Helm: `sources OLD NEW`, with the citations as JSON on standard input.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// citation is a place that a comment of ours names.
type citation struct {
	File   string `json:"file"`
	Symbol string `json:"symbol"` // a function, method, type, variable or constant; empty: the whole file
}

// verdict is what became of a citation.
type verdict struct {
	citation
	State string `json:"state"` // same, changed, gone, unknown: it was in neither
}

// text is what an error says, and where.
type text struct {
	Text string `json:"text"`
	File string `json:"file"`
}

type answer struct {
	Cited []verdict `json:"cited"`
	Gone  []text    `json:"gone"`
	New   []text    `json:"new"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "sources:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 3 {
		return errors.New("usage: sources OLD NEW < citations.json")
	}
	var cited []citation
	if err := json.NewDecoder(os.Stdin).Decode(&cited); err != nil {
		return fmt.Errorf("reading the citations: %w", err)
	}
	before, after := os.DirFS(os.Args[1]), os.DirFS(os.Args[2])
	told := answer{Cited: []verdict{}}
	for _, each := range cited {
		state, err := compare(before, after, each)
		if err != nil {
			return err
		}
		told.Cited = append(told.Cited, verdict{each, state})
	}
	var err error
	if told.Gone, told.New, err = errorTexts(before, after); err != nil {
		return err
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(told)
}

// compare says what became of one citation.
func compare(before, after fs.FS, cited citation) (string, error) {
	was, err := declaration(before, cited)
	if err != nil {
		return "", err
	}
	is, err := declaration(after, cited)
	if err != nil {
		return "", err
	}
	switch {
	case was == "" && is == "":
		return "unknown", nil
	case is == "":
		return "gone", nil
	case was == is:
		return "same", nil
	default:
		return "changed", nil
	}
}
