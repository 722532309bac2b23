package charts

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"helm.sh/helm/v4/pkg/ignore"
)

// state tells whether files are the ones that they were: their names, and what a write or a replacement of one changes.
type state [sha256.Size]byte

const (
	// Times of files have the resolution of a clock's tick, on network file systems of a second: what changed just now can
	// change once more without a trace (git calls such files racy), so a chart is not kept before it has been left alone.
	quiet = 2 * time.Second
	// A directory of more files than this is no chart that is worth its look.
	maxFiles = 4096
)

// look gives the state of a chart's directory or archive. settled is false where it says too little to be trusted later:
// just changed, linked somewhere else, not there.
func look(path string) (now state, settled bool) {
	seen := &onlooker{sum: sha256.New(), files: maxFiles}
	info, err := os.Stat(path)
	if err != nil {
		return now, false
	}
	settled = seen.add("", info)
	if settled && info.IsDir() {
		rules, err := rulesOf(path)
		settled = err == nil && seen.enter(path, "", rules)
	}
	seen.sum.Sum(now[:0])
	return now, settled && time.Since(seen.newest) > quiet
}

// rulesOf are the files that the loader leaves out (helm: pkg/chart/v2/loader/directory.go).
func rulesOf(path string) (*ignore.Rules, error) {
	rules := ignore.Empty()
	file := filepath.Join(path, ignore.HelmIgnore)
	if _, err := os.Stat(file); err == nil {
		if rules, err = ignore.ParseFile(file); err != nil {
			return nil, err
		}
	}
	rules.AddDefaults()
	return rules, nil
}

type onlooker struct {
	sum    hash.Hash
	newest time.Time
	files  int
}

func (o *onlooker) enter(directory, prefix string, rules *ignore.Rules) bool {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return false
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return false
		}
		name := prefix + entry.Name()
		if name != ignore.HelmIgnore && rules.Ignore(name, info) {
			continue
		}
		if o.files--; o.files < 0 || !o.add(name, info) {
			return false
		}
		if info.IsDir() && !o.enter(filepath.Join(directory, entry.Name()), name+"/", rules) {
			return false
		}
	}
	return true
}

// add is false for what is neither a file nor a directory: what is behind a link changes elsewhere.
func (o *onlooker) add(name string, info os.FileInfo) bool {
	known, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() && !info.Mode().IsRegular() {
		return false
	}
	// No program can set this time: a copy that keeps the other one, of as many bytes, is seen all the same.
	changed := time.Unix(known.Ctim.Unix())
	if changed.After(o.newest) {
		o.newest = changed
	}
	numbers := make([]byte, 0, 64)
	for _, number := range []uint64{
		uint64(len(name)), uint64(info.Mode()), known.Dev, known.Ino, uint64(info.Size()),
		uint64(info.ModTime().UnixNano()), uint64(changed.UnixNano()),
	} {
		numbers = binary.LittleEndian.AppendUint64(numbers, number)
	}
	o.sum.Write(append(numbers, name...))
	return true
}
