package actions

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	release "helm.sh/helm/v4/pkg/release/v1"
)

// page is one file below an output directory that grows until all is rendered.
type page struct {
	path    string
	content strings.Builder
	after   bool // what is in the file stays before it
}

// pages are the files in the order in which Helm writes them, with the lines that it prints: one a document.
type pages struct {
	files map[string]*page
	order []*page
	lines strings.Builder
}

// write puts what was rendered into files below the output directory, each whole, and gives the text that the command prints.
func (t *task) write(request TemplateRequest, rel *release.Release) (string, error) {
	made, err := request.pages(rel)
	if err != nil {
		return "", err
	}
	release := t.op.Hold()
	defer release()
	if t.op.Abandoned() || t.op.Cancelled() {
		return "", t.op.Context().Err()
	}
	for _, file := range made.order {
		if err := file.save(); err != nil {
			return "", invalid("output_dir", "can not be written: %v", err)
		}
	}
	return made.lines.String() + "\n", nil
}

// pages takes apart what Helm rendered into one text. CRDs come first and can hold anything, but are known; no other
// document can have a line that begins with dashes, since there Helm has split it (helm: SplitManifests).
func (r TemplateRequest) pages(rel *release.Release) (*pages, error) {
	made, directory, rest := &pages{files: map[string]*page{}}, r.OutputDir, rel.Manifest
	if r.IncludeCRDs {
		for _, crd := range rel.Chart.CRDObjects() {
			text := document(crd.Filename, string(crd.File.Data))
			if !strings.HasPrefix(rest, text) {
				return nil, fmt.Errorf("the text of %s is not where Helm renders it", crd.Filename)
			}
			rest = rest[len(text):]
			made.add(directory, crd.Filename, text, false) // never below the release's name
		}
	}
	if r.UseReleaseName {
		directory = filepath.Join(directory, rel.Name)
	}
	const mark = "---\n# Source: "
	for rest != "" {
		end := strings.Index(rest[1:], "\n"+mark)
		text := rest
		if end >= 0 {
			text = rest[:end+2]
		}
		rest = rest[len(text):]
		name, _, _ := strings.Cut(strings.TrimPrefix(text, mark), "\n")
		made.add(directory, name, text, false)
	}
	for _, hook := range r.hooks(rel) {
		made.add(directory, hook.Path, document(hook.Path, hook.Manifest), true)
	}
	return made, nil
}

// add is a write of Helm's: the first one empties the file, a hook's does not (helm: pkg/cmd/template.go).
func (p *pages) add(directory, name, text string, after bool) {
	path := directory + string(filepath.Separator) + name
	file := p.files[path]
	if file == nil {
		file = &page{path: path, after: after}
		p.files[path] = file
		p.order = append(p.order, file)
	}
	file.content.WriteString(text)
	fmt.Fprintf(&p.lines, "wrote %s\n", path)
}

// save writes the file whole or not at all, with the mode and behind the links that it had.
func (p *page) save() error {
	path, content, mode := p.path, p.content.String(), fs.FileMode(0o666)
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	old, err := os.Stat(path)
	switch {
	case err == nil:
		mode = old.Mode().Perm()
		if p.after {
			before, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content = string(before) + content
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return replaceFile(path, content, mode, err == nil)
}

// replaceFile makes a file beside the other and puts it in its place. exact keeps the process's umask from the mode.
func replaceFile(path, content string, mode fs.FileMode, exact bool) (err error) {
	file, err := createBeside(path, mode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name()) // the error is already told
		}
	}()
	_, err = file.WriteString(content)
	if exact {
		err = errors.Join(err, file.Chmod(mode))
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// createBeside is os.CreateTemp with a mode: that of files that others may read.
func createBeside(path string, mode fs.FileMode) (*os.File, error) {
	for try := 0; ; try++ {
		name := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d-%d", filepath.Base(path), os.Getpid(), try))
		file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if !errors.Is(err, fs.ErrExist) || try > 1000 {
			return file, err
		}
	}
}
