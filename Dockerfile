# The wheels, made by what the tests run too (./scripts/dev), and an image with the package:
#   scripts/build_wheel_docker.sh            wheels of both processors into dist/
#   docker build --target runtime -t helm-sdkpy .
# Linted by ./scripts/dev lint. It was never built: where the project is developed no container engine runs.
ARG PYTHON=3.13-slim

FROM python:${PYTHON} AS build
WORKDIR /src
# The toolchain changes seldom: its layer stays until a pin does.
COPY justfile ./
COPY scripts/dev scripts/toolchain.py scripts/
COPY requirements requirements
RUN ./scripts/dev
COPY . .
RUN --mount=type=cache,target=/root/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build ./scripts/dev wheel

FROM scratch AS dist
COPY --from=build /src/dist/ /

FROM python:${PYTHON} AS runtime
RUN --mount=type=bind,from=build,source=/src/dist,target=/dist \
    pip install --no-cache-dir --root-user-action ignore /dist/helm_sdkpy-*"$(uname -m)".whl \
    && useradd --create-home --uid 10001 helm
USER 10001
WORKDIR /home/helm
CMD ["helm-sdkpy", "version"]
