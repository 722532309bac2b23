package actions

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// staged is a file that is written whole beside its place, to be moved there or not at all.
type staged struct{ path, temporary string }

// stage writes the content beside path, which may be a link to the file; a file that is there keeps its mode.
func stage(path string, content []byte, mode fs.FileMode) (_ *staged, err error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, err
	}
	made := &staged{path, file.Name()}
	defer func() {
		if err != nil {
			made.discard()
		}
	}()
	if _, err := file.Write(content); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if err := file.Chmod(mode); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return made, file.Close()
}

// commit moves the file to its place. A place that nothing can be moved to, a file that is mounted alone into a container,
// is written to instead.
func (s *staged) commit() error {
	err := os.Rename(s.temporary, s.path)
	if !errors.Is(err, syscall.EBUSY) {
		return err
	}
	content, err := os.ReadFile(s.temporary)
	if err != nil {
		return err
	}
	return os.WriteFile(s.path, content, 0o600)
}

// discard removes what was not moved.
func (s *staged) discard() { _ = os.Remove(s.temporary) }

// writeWhole writes the file whole or not at all.
func writeWhole(path string, content []byte, mode fs.FileMode) error {
	made, err := stage(path, content, mode)
	if err != nil {
		return err
	}
	defer made.discard()
	return made.commit()
}
