package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// errorTexts are those that only the old sources have, and those that only the new ones have.
func errorTexts(before, after fs.FS) (gone, fresh []text, err error) {
	was, err := said(before)
	if err != nil {
		return nil, nil, err
	}
	is, err := said(after)
	if err != nil {
		return nil, nil, err
	}
	return less(was, is), less(is, was), nil
}

// less are the texts of one side that the other has nowhere.
func less(one, other map[string]string) []text {
	left := []text{}
	for words, file := range one {
		if _, there := other[words]; !there {
			left = append(left, text{Text: words, File: file})
		}
	}
	slices.SortFunc(left, func(a, b text) int { return strings.Compare(a.File+a.Text, b.File+b.Text) })
	return left
}

var wrapped = regexp.MustCompile(`%[sw]`)

// said are the texts that errors are made of, by the first file that has them.
func said(root fs.FS) (map[string]string, error) {
	found := map[string]string{}
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "testdata" || name == ".github"):
			return fs.SkipDir
		case path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		content, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, content, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(parsed, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok || !makesError(call) {
				return true
			}
			for _, argument := range call.Args {
				literal, ok := argument.(*ast.BasicLit)
				if !ok || literal.Kind != token.STRING {
					continue
				}
				if words, err := strconv.Unquote(literal.Value); err == nil {
					words = wrapped.ReplaceAllString(words, "%v") // what a reader sees is the same
					if _, known := found[words]; !known {
						found[words] = name
					}
				}
			}
			return true
		})
		return nil
	})
	return found, err
}

// makesError says whether a call makes an error, by its name: errors.New, fmt.Errorf, errors.Wrapf and their like.
func makesError(call *ast.CallExpr) bool {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	from, ok := selector.X.(*ast.Ident)
	return ok && (from.Name == "errors" || selector.Sel.Name == "Errorf")
}
