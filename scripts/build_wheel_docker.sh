#!/bin/sh
# Builds the wheels in a container, with nothing of this machine but a container engine: [DIRECTORY] (dist)
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
directory=${1:-$root/dist}

for engine in ${CONTAINER_ENGINE:-docker podman}; do
    if command -v "$engine" >/dev/null 2>&1; then
        # Older releases of docker know --output and --mount only with BuildKit.
        DOCKER_BUILDKIT=1 exec "$engine" build --target dist --output "type=local,dest=$directory" "$root"
    fi
done
echo "scripts/build_wheel_docker.sh: found none of: ${CONTAINER_ENGINE:-docker podman}. Name a container engine in CONTAINER_ENGINE, or run ./scripts/dev wheel, which needs no container" >&2
exit 1
