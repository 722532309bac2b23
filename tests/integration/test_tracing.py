"""Spans of a real install, and what the API server is told of them."""

from __future__ import annotations

import pytest

from helm_sdkpy import Configuration, HelmError, HookError, Install, List
from tests.integration.charts import Chart, configmap, hook
from tests.integration.serving import Request, serving
from tests.unit.test_tracing import Spans, number, parent

pytest.importorskip("opentelemetry.sdk")
from opentelemetry import trace


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Spans:
    made = Spans()
    monkeypatch.setattr(trace, "get_tracer", made.provider.get_tracer)
    return made


async def test_an_install_with_a_hook(helm_config: Configuration, helm_namespace: str, spans: Spans) -> None:
    chart = Chart({"c.yaml": configmap(), "h.yaml": hook("pre-install")})
    await Install(helm_config).run("shop", chart.archive(), timeout=60)
    found = spans.all()
    assert {"helm install", "rendering", "pre-install", "hook pre-install", "applying"} <= set(found)
    whole = found["helm install"]
    assert (whole.attributes or {})["k8s.namespace.name"] == helm_namespace
    assert (whole.attributes or {})["helm.release.status"] == "deployed"
    assert parent(found["hook pre-install"]) == number(found["pre-install"])
    assert parent(found["applying"]) == number(whole)
    times = [(span.start_time, span.end_time) for span in found.values()]
    assert all(start is not None and end is not None and start <= end for start, end in times)


async def test_a_hook_that_fails(helm_config: Configuration, spans: Spans) -> None:
    chart = Chart({"h.yaml": hook("pre-install", exit_code="3")})
    with pytest.raises(HookError):
        await Install(helm_config).run("shop", chart.archive(), timeout=60)
    found = spans.all()
    assert {found[name].status.description for name in ("helm install", "hook pre-install")} == {"hook_failed"}


@pytest.mark.parametrize("traced", [True, False])
async def test_requests_to_the_api_server_carry_the_span(monkeypatch: pytest.MonkeyPatch, traced: bool) -> None:
    spans = Spans()
    if traced:
        monkeypatch.setattr(trace, "get_tracer", spans.provider.get_tracer)
    seen: list[str | None] = []

    def refuse(request: Request) -> None:
        seen.append(request.headers.get("traceparent"))
        request.send(b"", 403)

    with serving(refuse) as server:
        cluster = {"name": "a", "cluster": {"server": server.url}}
        context = {"name": "a", "context": {"cluster": "a", "user": ""}}
        kubeconfig = {"apiVersion": "v1", "kind": "Config", "current-context": "a"}
        async with Configuration(kubeconfig={**kubeconfig, "clusters": [cluster], "contexts": [context]}) as config:
            with pytest.raises(HelmError):
                await List(config).run()
    assert seen
    if traced:
        about = spans.all()["helm list"].get_span_context()
        assert about is not None
        wanted = f"00-{about.trace_id:032x}-{about.span_id:016x}-{about.trace_flags:02x}"
        assert seen == [wanted] * len(seen)
    else:
        assert seen == [None] * len(seen)
