"""Measures the library against the same work in Go, Helm's SDK, the helm command and helm-sdkpy 0.1.32."""
