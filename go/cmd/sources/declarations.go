package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"path"
	"strings"
)

// declaration is the text of what is cited, without comments, in gofmt's layout; empty where there is none. What is no
// Go file is taken as it is. A directory, or a symbol that is not in its file, is looked for in the whole package.
func declaration(root fs.FS, cited citation) (string, error) {
	files := []string{cited.File}
	if information, err := fs.Stat(root, cited.File); err == nil && information.IsDir() {
		if files, err = goFiles(root, cited.File); err != nil {
			return "", err
		}
	}
	found, err := declared(root, files, cited.Symbol)
	if err != nil || found != "" || cited.Symbol == "" || path.Ext(cited.File) != ".go" {
		return found, err
	}
	// It may have moved to a file beside.
	if files, err = goFiles(root, path.Dir(cited.File)); err != nil {
		return "", err
	}
	return declared(root, files, cited.Symbol)
}

func goFiles(root fs.FS, directory string) ([]string, error) {
	all, err := fs.Glob(root, path.Join(directory, "*.go"))
	if err != nil {
		return nil, err
	}
	var files []string
	for _, file := range all {
		if !strings.HasSuffix(file, "_test.go") {
			files = append(files, file)
		}
	}
	return files, nil
}

func declared(root fs.FS, files []string, symbol string) (string, error) {
	var found strings.Builder
	for _, name := range files {
		content, err := fs.ReadFile(root, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		if path.Ext(name) != ".go" {
			found.Write(content)
			continue
		}
		positions := token.NewFileSet()
		parsed, err := parser.ParseFile(positions, name, content, parser.SkipObjectResolution)
		if err != nil {
			return "", fmt.Errorf("parsing %s: %w", name, err)
		}
		for _, each := range parsed.Decls {
			for _, node := range named(each, symbol) {
				var printed bytes.Buffer
				// Not gofmt's way with positions: where a line was broken does not count.
				if err := printer.Fprint(&printed, token.NewFileSet(), node); err != nil {
					return "", fmt.Errorf("printing %s: %w", name, err)
				}
				found.WriteString(strings.Join(strings.Fields(printed.String()), " ") + "\n")
			}
		}
	}
	return found.String(), nil
}

// named are the parts of a declaration that have the name: all of it where there is none.
func named(declaration ast.Decl, symbol string) []any {
	if symbol == "" {
		if general, ok := declaration.(*ast.GenDecl); ok && general.Tok == token.IMPORT {
			return nil
		}
		return []any{declaration}
	}
	// `Install.NameAndChart` is a method, whose receiver may be a pointer or not.
	receiver, name, isMethod := strings.Cut(symbol, ".")
	if !isMethod {
		name = symbol
	}
	var found []any
	switch declaration := declaration.(type) {
	case *ast.FuncDecl:
		if declaration.Name.Name == name && (!isMethod || receiverOf(declaration) == receiver) {
			found = append(found, declaration)
		}
	case *ast.GenDecl:
		for _, each := range declaration.Specs {
			switch each := each.(type) {
			case *ast.TypeSpec:
				if !isMethod && each.Name.Name == name {
					found = append(found, each)
				}
			case *ast.ValueSpec:
				for _, identifier := range each.Names {
					if !isMethod && identifier.Name == name {
						found = append(found, each)
					}
				}
			}
		}
	}
	return found
}

func receiverOf(function *ast.FuncDecl) string {
	if function.Recv == nil {
		return ""
	}
	of := function.Recv.List[0].Type
	if pointer, ok := of.(*ast.StarExpr); ok {
		of = pointer.X
	}
	if identifier, ok := of.(*ast.Ident); ok {
		return identifier.Name
	}
	return ""
}
