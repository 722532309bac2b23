# The project's daily needs. Run through ./scripts/dev, which makes sure of the toolchain.

python := justfile_directory() / ".venv/bin/python"
build := quote(justfile_directory() / ".toolchain/python") + " " + quote(justfile_directory() / "scripts/build.py")

bin := quote(justfile_directory() / ".venv/bin")
pytest := quote(python) + " -m pytest"
# One worker a core is too few: most of a test is waiting for the cluster.
workers := env("HELM_SDKPY_TEST_WORKERS", "6")

# The package of Go puts no gofmt on PATH.
gofmt := '"$(go env GOROOT)/bin/gofmt"'
staticcheck := quote(justfile_directory() / ".build/bin/staticcheck")
actionlint := quote(justfile_directory() / ".build/bin/actionlint")
# What vet, staticcheck and the tests of the library's Go code compile is the same.
raced := "CGO_ENABLED=1 CC=zig-cc GOFLAGS='-race -buildvcs=false'"
# As scripts/build.py builds the test cluster: with other flags Go would compile the whole of Kubernetes once more.
as-built := "CGO_ENABLED=0 GOFLAGS='-trimpath -buildvcs=false'"

set positional-arguments

# List the recipes
default:
    @just --justfile {{ quote(justfile()) }} --list --unsorted

# Build what changed among: env modules lib cluster helm
[private]
build *targets:
    @{{ build }} "$@"

# Deploy charts at once on a real control plane and watch them: [CHART…] [--kubeconfig F] [--context C] [--keep]
[no-exit-message]
demo *args: (build "env" "lib" "cluster")
    @{{ quote(python) }} -m examples.demo "$@"

# Run an example, or list them: [NAME [--kubeconfig F] [--context C]]
[no-exit-message]
example *args: (build "env" "lib" "cluster")
    @{{ quote(python) }} -m examples "$@"

# Pass every test: lint, types, documentation, Go under the race detector, Python with and without a cluster
test: lint typecheck docs (build "lib" "cluster" "helm") race unit integration

# Test what needs no cluster, in seconds
unit *args: (build "env" "lib")
    @{{ pytest }} tests/unit -n auto "$@"

# Test against the embedded cluster, in parallel; of the parity table a third
integration *args: (build "env" "lib" "cluster" "helm")
    @{{ pytest }} tests/integration tests/parity --parity-third -n {{ workers }} --dist worksteal "$@"

# Run every code block of the documentation's pages
pages *args: (build "env" "lib" "cluster" "helm")
    @{{ pytest }} tests/unit/test_pages.py tests/integration/test_pages.py -n {{ workers }} --dist worksteal "$@"

# Hold everything against the helm command of the same version: the whole parity table
parity *args: (build "env" "lib" "cluster" "helm")
    @{{ pytest }} tests/parity -n {{ workers }} --dist worksteal "$@"

# Test the Go code under the race detector
race *args: (build "cluster" "modules")
    cd go && {{ raced }} go test -timeout 15m "${@:-./...}"
    cd testcluster && {{ as-built }} go test -timeout 10m ./...

# Look for mistakes and bad style in Python, Go, scripts, Dockerfile and workflows
lint: lint-python lint-files lint-go

# Lint the Python code
lint-python: (build "env")
    @{{ bin }}/ruff check .
    @{{ bin }}/ruff format --check --diff .

# Lint shell scripts, the Dockerfile and the workflows
lint-files: (build "env" "actionlint")
    @{{ bin }}/shellcheck scripts/dev scripts/*.sh .ci/run
    @{{ bin }}/hadolint Dockerfile
    @{{ actionlint }} -shellcheck {{ bin }}/shellcheck .github/workflows/*.yml

# Lint the Go code
lint-go: (build "modules" "staticcheck")
    @test -z "$({{ gofmt }} -l go testcluster | tee -a /dev/stderr)" || { echo "run ./scripts/dev fmt" >&2; exit 1; }
    cd go && {{ raced }} go vet ./... && {{ raced }} {{ staticcheck }} ./...
    cd testcluster && {{ as-built }} go vet ./... && {{ as-built }} {{ staticcheck }} ./...

# Check the types of the Python code, strictly
typecheck: (build "env")
    @{{ bin }}/pyright

# Format Python and Go code
fmt: (build "env")
    @{{ bin }}/ruff check --fix --quiet . || true
    @{{ bin }}/ruff format .
    @{{ gofmt }} -w go testcluster

# Measure against native Go, the helm command and helm-sdkpy 0.1.32: [--rows R] [--rounds N] [--watch-cache W] [--quick]
bench *args: (build "env" "lib" "cluster" "helm" "native")
    @{{ quote(python) }} -m benchmarks "$@"

# Spoil each request once, kill processes, cancel: [faults|kills|cancel] [--seed N] [--count N] [--rows …]
[no-exit-message]
stress *args: (build "env" "lib" "cluster")
    @{{ quote(python) }} -m tests.stress "$@"

# Build the documentation into .build/docs and check it, or [--serve] it
docs *args: (build "env")
    @{{ quote(python) }} scripts/docs.py "$@"

# Build the shared library for this machine
build-lib: (build "lib")

# Build the wheels of both distributions and the source distribution into dist/: [--only NAME] [PLATFORM…]
wheel *args: (build "env" "modules")
    @{{ quote(python) }} scripts/wheel.py "$@"

# Look into the wheels of dist/, and use this machine's in a fresh environment of each Python: [--look] [--twice]
wheel-check *args: (build "env" "cluster")
    @{{ quote(python) }} scripts/wheel_check.py "$@"

# Test a chart in a project that has nothing but this machine's wheels of dist/, with each Python, and time it
wheel-project *args: (build "env" "lib")
    @{{ pytest }} tests/wheels -v --durations=0 "$@"

# Use the aarch64 wheel of dist/ under qemu-user, with Debian's Python for arm64
wheel-aarch64: (build "env")
    @{{ quote(python) }} scripts/wheel_aarch64.py

# Build the test cluster (a whole Kubernetes control plane in one binary)
build-cluster: (build "cluster")

# Run a Python file, or -c CODE, in the project's environment with library and test cluster built
python *args: (build "env" "lib" "cluster")
    @{{ quote(python) }} "$@"

# Run the helm command of the version that the library holds
helm *args: (build "helm")
    @{{ quote(justfile_directory() / ".build/bin/helm") }} "$@"

# Move to another version of Helm and tell what differs: VERSION [--kubernetes VERSION] [--no-tests] [PYTEST ARGS]
[no-exit-message]
move-helm *args: (build "env" "modules")
    @{{ quote(python) }} scripts/move_helm.py "$@"

# Hold a release's tag against the packages and the changelog, and print what is new: TAG
[no-exit-message]
release-news tag: (build "env")
    @{{ quote(python) }} scripts/release.py "$@"

# Write the tables of the supported versions anew
supported: (build "env")
    @{{ quote(python) }} scripts/supported.py

# Pin the requirements anew from requirements/*.in
lock:
    for name in toolchain dev; do uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header requirements/$name.in -o requirements/$name.txt; done
