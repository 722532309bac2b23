package actions

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/Masterminds/semver/v3"
	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart"
	"helm.sh/helm/v4/pkg/chart/loader"
	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/provenance"
	"sigs.k8s.io/yaml"

	"github.com/helm-sdkpy/helm-sdkpy/go/bridge"
	"github.com/helm-sdkpy/helm-sdkpy/go/session"
)

// PackageRequest are the arguments of `helm package`.
type PackageRequest struct {
	ChartPath        []string `json:"chart_path"`
	Destination      string   `json:"destination"`
	Version          string   `json:"version"`
	AppVersion       string   `json:"app_version"`
	Sign             bool     `json:"sign"`
	Key              string   `json:"key"`
	Keyring          string   `json:"keyring"`
	Passphrase       *string  `json:"passphrase"`
	PassphraseFile   string   `json:"passphrase_file"`
	DependencyUpdate bool     `json:"dependency_update"`
	AccessOptions
}

// Validate refuses what can be known to be wrong before anything is done.
func (r PackageRequest) Validate() error {
	if len(r.ChartPath) == 0 {
		return invalid("chart_path", "is empty: give the directory of a chart, or several")
	}
	for _, path := range r.ChartPath {
		if err := (ChartSource{ChartPath: path}).Validate(); err != nil {
			return err
		}
	}
	switch {
	case r.Sign && r.Key == "":
		return invalid("key", "is required for signing a package: name the key, or a part of its name")
	case r.PassphraseFile == "-":
		return invalid("passphrase_file", "\"-\" is refused: nothing is read from standard input; give passphrase= instead")
	case r.PassphraseFile != "" && r.Passphrase != nil:
		return invalid("passphrase", "and passphrase_file exclude each other")
	}
	return nil
}

// PackagedChart is one archive that was made.
type PackagedChart struct {
	Path       string  `json:"path"`
	Name       string  `json:"name"`
	Version    string  `json:"version"`
	Digest     string  `json:"digest"`
	Size       int64   `json:"size"`
	Provenance *string `json:"provenance"`
}

// Package does what `helm package` does: it makes an archive of each chart. An archive is there whole, and signed where it
// is to be, or not at all.
func Package(op *bridge.Operation, config *session.Configuration, request PackageRequest) ([]*PackagedChart, error) {
	t := begin(op, config, "package")
	t.phase("packaging")
	packing, err := t.packing(request)
	if err != nil {
		return nil, err
	}
	made := make([]*PackagedChart, 0, len(request.ChartPath))
	for _, path := range request.ChartPath {
		one, err := packing.pack(path)
		if err != nil {
			return nil, err
		}
		made = append(made, one)
	}
	return made, nil
}

// packing is what the charts of one `helm package` share.
type packing struct {
	*task
	request PackageRequest
	signer  *provenance.Signatory // nil: not signed
	from    dependencySource
}

func (t *task) packing(request PackageRequest) (*packing, error) {
	if request.Keyring == "" {
		request.Keyring = keyring(t.config)
	}
	made := &packing{task: t, request: request, from: dependencySource{keyring: request.Keyring}}
	var err error
	if request.Sign {
		if made.signer, err = signer(request); err != nil {
			return nil, err
		}
	}
	if request.DependencyUpdate {
		made.from.access, err = t.access(request.AccessOptions)
	}
	return made, err
}

// pack makes the archive of one chart (helm: pkg/action/package.go, Run).
func (p *packing) pack(path string) (*PackagedChart, error) {
	directory, err := filepath.Abs(path)
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		return nil, p.explain(path, err)
	}
	if p.request.DependencyUpdate {
		if err := p.updateDependencies(directory, p.from); err != nil {
			return nil, err
		}
	}
	loaded, err := p.load(directory)
	if err != nil {
		return nil, p.explain(path, err)
	}
	if err := p.op.Context().Err(); err != nil {
		return nil, err
	}
	made, err := p.save(loaded)
	if err != nil {
		return nil, p.explain(path, err)
	}
	return made, nil
}

func (p *packing) load(directory string) (*chartv2.Chart, error) {
	parsed, err := loader.LoadDir(directory)
	if err != nil {
		return nil, err
	}
	loaded, known := parsed.(*chartv2.Chart)
	if !known {
		return nil, errors.New("invalid chart apiVersion")
	}
	if p.request.Version != "" {
		loaded.Metadata.Version = p.request.Version
	}
	if _, err := semver.NewVersion(loaded.Metadata.Version); err != nil {
		return nil, err
	}
	if p.request.AppVersion != "" {
		loaded.Metadata.AppVersion = p.request.AppVersion
	}
	epoch, err := sourceDateEpoch(p.config.Options().Environment)
	if err != nil {
		return nil, err
	}
	if epoch != nil {
		loaded.StampModTimes(*epoch)
	}
	accessor, err := chart.NewAccessor(loaded)
	if err != nil {
		return nil, err
	}
	if required := accessor.MetaDependencies(); len(required) > 0 {
		if err := action.CheckDependencies(loaded, required); err != nil {
			return nil, err
		}
	}
	return loaded, nil
}

// save writes the archive beside where it belongs, signs it, and puts both there when they are whole.
func (p *packing) save(loaded *chartv2.Chart) (*PackagedChart, error) {
	destination := filepath.Clean(p.request.Destination)
	if p.request.Destination == "" || p.request.Destination == "." {
		var err error
		if destination, err = os.Getwd(); err != nil {
			return nil, err
		}
	}
	if err := makeDirectory(destination); err != nil {
		return nil, fmt.Errorf("failed to save: %w", err)
	}
	part, err := os.MkdirTemp(destination, ".helm-package-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(part)
	archive, err := chartutil.Save(loaded, part)
	if err != nil {
		return nil, fmt.Errorf("failed to save: %w", err)
	}
	content, err := os.ReadFile(archive)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(content)
	made := &PackagedChart{
		Path: filepath.Join(destination, filepath.Base(archive)),
		Name: loaded.Name(), Version: loaded.Metadata.Version,
		Digest: digestText(digest), Size: int64(len(content)),
	}
	if p.signer != nil {
		signed, err := sign(p.signer, content, archive)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(archive+".prov", signed, 0o644); err != nil {
			return nil, err
		}
		signature := made.Path + ".prov"
		made.Provenance = &signature
	}
	return made, p.place(archive, made)
}

// place moves what was made to where it belongs; the archive last, for that is what others look for.
func (p *packing) place(archive string, made *PackagedChart) error {
	if err := p.op.Context().Err(); err != nil {
		return err
	}
	if made.Provenance != nil {
		if err := os.Rename(archive+".prov", *made.Provenance); err != nil {
			return err
		}
	}
	err := os.Rename(archive, made.Path)
	if err != nil && made.Provenance != nil {
		_ = os.Remove(*made.Provenance)
	}
	return err
}

// makeDirectory makes the directory that archives go to, with the words of chartutil.Save where it is none.
func makeDirectory(path string) error {
	file, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return os.MkdirAll(path, 0o755)
	case err != nil:
		return fmt.Errorf("stat %s: %w", path, err)
	case !file.IsDir():
		return fmt.Errorf("is not a directory: %s", path)
	}
	return nil
}

// signer finds the key and opens it. Helm's own way would ask for a passphrase on the terminal (helm: pkg/action/package.go,
// promptUser), and would find out about all of this after the archive was written.
func signer(request PackageRequest) (*provenance.Signatory, error) {
	wrong := func(format string, arguments ...any) error {
		err := fmt.Errorf(format, arguments...)
		return &bridge.Error{
			Code: codeProvenance, Message: err.Error(), Cause: err,
			Details: map[string]any{"keyring": request.Keyring, "key": request.Key},
		}
	}
	found, err := provenance.NewFromKeyring(request.Keyring, request.Key)
	if err != nil {
		return nil, wrong("keyring %s: %w (set keyring= to a file with the secret key)", request.Keyring, err)
	}
	if found.Entity == nil {
		return nil, wrong("keyring %s has no key whose name contains %q: private key not found", request.Keyring, request.Key)
	}
	passphrase, err := passphrase(request)
	if err != nil {
		return nil, err
	}
	unlock := func(name string) ([]byte, error) {
		if passphrase == nil {
			return nil, fmt.Errorf("key %q is locked: set passphrase= or passphrase_file=", name)
		}
		return passphrase, nil
	}
	if err := found.DecryptKey(unlock); err != nil {
		if passphrase != nil && found.Entity.PrivateKey != nil {
			err = fmt.Errorf("the passphrase does not open it: %w", err)
		}
		return nil, wrong("key %q of keyring %s: %w", request.Key, request.Keyring, err)
	}
	return found, nil
}

// passphrase is what was given, or the first line of the file; nil where nothing was.
func passphrase(request PackageRequest) ([]byte, error) {
	if request.Passphrase != nil {
		return []byte(*request.Passphrase), nil
	}
	if request.PassphraseFile == "" {
		return nil, nil
	}
	file, err := os.Open(request.PassphraseFile)
	if err != nil {
		return nil, invalid("passphrase_file", "can not be read: %v", err)
	}
	defer file.Close()
	line, _, err := bufio.NewReader(file).ReadLine()
	if err != nil {
		return nil, invalid("passphrase_file", "%s has no line: %v", request.PassphraseFile, err)
	}
	return line, nil
}

// sign gives the provenance file of an archive (helm: pkg/action/package.go, Clearsign).
func sign(signer *provenance.Signatory, content []byte, path string) ([]byte, error) {
	parsed, err := loader.LoadFile(path)
	if err != nil {
		return nil, fmt.Errorf("failed to load chart for signing: %w", err)
	}
	loaded, known := parsed.(*chartv2.Chart)
	if !known {
		return nil, errors.New("invalid chart apiVersion")
	}
	metadata, err := yaml.Marshal(loaded.Metadata)
	if err != nil {
		return nil, fmt.Errorf("failed to marshal chart metadata: %w", err)
	}
	signed, err := signer.ClearSign(content, filepath.Base(path), metadata)
	return []byte(signed), err
}

// explain says which chart could not be packaged, and why.
func (p *packing) explain(path string, err error) error {
	var known *bridge.Error
	if errors.As(err, &known) {
		return err
	}
	code := codeChartInvalid
	if _, missing := os.Stat(path); errors.Is(missing, fs.ErrNotExist) {
		code = codeChartNotFound
	}
	if known := codeOfHelm(err); known != "" {
		code = known
	}
	return &bridge.Error{
		Code: code, Message: fmt.Sprintf("chart %q: %v", path, err), Details: map[string]any{"chart": path}, Cause: err,
	}
}
