# The project's daily needs. Run through ./scripts/dev, which makes sure of the toolchain.

python := justfile_directory() / ".venv/bin/python"
build := quote(justfile_directory() / ".toolchain/python") + " " + quote(justfile_directory() / "scripts/build.py")

set positional-arguments

# List the recipes
default:
    @just --justfile {{ quote(justfile()) }} --list --unsorted

# Build what changed among: env modules lib cluster helm
[private]
build *targets:
    @{{ build }} "$@"

# Deploy charts at once on a real control plane and watch them: [CHART…] [--kubeconfig F] [--context C] [--keep]
demo *args: (build "env" "lib" "cluster")
    @{{ quote(python) }} -m examples.demo "$@"

# Build the shared library for this machine
build-lib: (build "lib")

# Build the test cluster (a whole Kubernetes control plane in one binary)
build-cluster: (build "cluster")

# Run a Python file, or -c CODE, in the project's environment with library and test cluster built
python *args: (build "env" "lib" "cluster")
    @{{ quote(python) }} "$@"

# Run the helm command of the version that the library holds
helm *args: (build "helm")
    @{{ quote(justfile_directory() / ".build/bin/helm") }} "$@"

# Pin the requirements anew from requirements/*.in
lock:
    for name in toolchain dev; do uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header requirements/$name.in -o requirements/$name.txt; done
