"""`helm test`: which tests run, what their logs say, what fails, and what that leaves in cluster and record."""

from __future__ import annotations

from typing import Final

import pytest

from tests.integration.charts import NAME, SIMPLE, Chart, configmap, hook
from tests.integration.objects import Objects
from tests.integration.test_release_test import pod
from tests.parity.parity import Pair
from tests.parity.steps import (
    Look,
    Step,
    Touch,
    get,
    history,
    install,
    listing,
    reworded,
    rollback,
    run_tests,
    status,
    told,
    uninstall,
    upgrade,
)

PODS: Final = Chart(
    {
        "c.yaml": configmap(value="{{ .Values.value }}"),
        "b.yaml": pod("b", weight=2, log="one\ntwo"),
        "a.yaml": pod("a", weight=2, log="{{ .Release.Revision }} ✓ grün"),
        "zero.yaml": pod("zero", weight=-1),
        "pre.yaml": hook("pre-delete", name=f"{NAME}-pre"),
        "success.yaml": pod("success", "test-success"),
        "both.yaml": pod("both", "test", "post-upgrade", weight=5),
    },
    {"value": "1"},
)
JOB: Final = Chart({"j.yaml": hook("test", name=f"{NAME}-job"), "p.yaml": pod("pod", weight=1)})
MAP: Final = Chart(
    {"m.yaml": configmap(f"{NAME}-m", {"annotations": {"helm.sh/hook": "test"}}, a="b"), "p.yaml": pod("pod")}
)
POLICIES: Final = Chart(
    {
        "a.yaml": pod("a", policy="hook-succeeded", log="a"),
        "b.yaml": pod("b", policy="hook-failed", weight=1),
        "c.yaml": pod("c", policy="before-hook-creation,hook-succeeded,hook-failed", weight=2),
    }
)
CODE: Final = "{{ .Values.code }}"


def failing(policy: str = "", before: str = "", after: str = "") -> Chart:
    """A chart whose second test of three fails."""
    return Chart(
        {
            "1.yaml": pod("1", weight=1, policy=before),
            "2.yaml": pod("2", weight=2, policy=policy, exit_code="1", log="broken"),
            "3.yaml": pod("3", weight=3, policy=after),
        }
    )


FAILS: Final = "NOT READY: Pod NAMESPACE/web-2"

CASES: Final[dict[str, list[Step]]] = {
    "all": [install(PODS), run_tests(), status(), get("hooks"), history()],
    "logs": [install(PODS), run_tests(logs=True)],
    "logs-of-one": [install(PODS), run_tests(logs=True, filter=["name=web-a"])],
    "again": [install(PODS), run_tests(), run_tests(logs=True)],
    "none": [install(), run_tests(), run_tests(logs=True)],
    "jobs": [install(JOB), run_tests(logs=True)],
    "other-kinds": [install(MAP), run_tests(logs=True), Look(), run_tests()],
    "policies": [install(POLICIES), run_tests(logs=True)],
    "filter-name": [install(PODS), run_tests(filter=["name=web-b"]), status()],
    "filter-names": [install(PODS), run_tests(filter=["name=web-b", "name=web-a"])],
    "filter-comma": [install(PODS), run_tests(filter=["name=web-b,name=web-zero"])],
    "filter-not": [install(PODS), run_tests(filter=["!name=web-b"]), status()],
    "filter-not-space": [install(PODS), run_tests(filter=["! name=web-b"])],
    "filter-both": [install(PODS), run_tests(filter=["name=web-a", "name=web-b", "!name=web-a"])],
    "filter-nothing": [install(PODS), run_tests(filter=["name=nothing"]), status()],
    "filter-all-out": [
        install(PODS),
        run_tests(filter=[f"!name=web-{one}" for one in ("a", "b", "zero", "both", "success")]),
    ],
    "filter-a-hook-that-is-no-test": [install(PODS), run_tests(filter=["name=web-pre"]), get("hooks")],
    "filter-then-all": [install(PODS), run_tests(filter=["name=web-b"]), run_tests(), get("hooks"), uninstall()],
    "fails": [install(failing()), run_tests(fails=FAILS), status(), listing()],
    "fails-logs": [install(failing()), run_tests(logs=True, filter=["name=web-2"], fails=FAILS)],
    "fails-deleted": [install(failing("hook-failed")), run_tests(fails=FAILS)],
    "fails-after-deleted": [install(failing(before="hook-succeeded")), run_tests(fails=FAILS)],
    "fails-then-passes": [
        install(Chart({"a.yaml": pod("a", exit_code=CODE)}, {"code": "1"})),
        run_tests(fails="NOT READY: Pod NAMESPACE/web-a"),
        upgrade(Chart({"a.yaml": pod("a", exit_code=CODE)}, {"code": "1"}), set_string="code=0"),
        run_tests(),
    ],
    "fails-filtered-out": [install(failing()), run_tests(filter=["!name=web-2"])],
    "timeout": [
        install(Chart({"a.yaml": pod("a", ready="never")})),
        reworded(run_tests(timeout=2, fails="NOT READY: Pod NAMESPACE/web-a")),
        status(),
    ],
    "timeout-of-a-test-that-runs-longer": [
        install(Chart({"a.yaml": pod("a", run_for="5s")})),
        reworded(run_tests(timeout=1, fails="NOT READY: Pod NAMESPACE/web-a")),
    ],
    "job-fails": [
        install(Chart({"j.yaml": hook("test", exit_code="1")})),
        run_tests(fails="NOT READY: Job NAMESPACE/web-hook"),
    ],
    "job-fails-deleted": [
        install(Chart({"j.yaml": hook("test", policy="hook-failed", exit_code="1")})),
        run_tests(fails="NOT READY: Job NAMESPACE/web-hook"),
    ],
    "refused": [install(Chart({"a.yaml": pod("Not_A_Name")})), run_tests(fails="Not_A_Name")],
    "after-an-upgrade": [install(PODS), upgrade(PODS, set_string="value=2"), run_tests(logs=True)],
    "after-a-rollback": [install(PODS), run_tests(), upgrade(SIMPLE), run_tests(), rollback(1), run_tests(logs=True)],
    "of-a-failed-release": [
        install(PODS),
        upgrade(
            Chart({**PODS.templates, "h.yaml": hook("post-upgrade", name="h", exit_code="1")}, PODS.values),
            fails="post-upgrade hooks failed",
        ),
        run_tests(),
        status(),
    ],
    "of-an-uninstalled-release": [install(failing()), uninstall(keep_history=True), run_tests(fails=FAILS), history()],
    "client-side": [install(PODS, server_side=False), run_tests()],
    "no-hooks-at-install": [install(PODS, no_hooks=True), run_tests()],
    "a-pod-that-is-there": [
        install(Chart({"a.yaml": pod("a")})),
        Touch(
            lambda objects: Objects.create(
                objects,
                "pods",
                {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "metadata": {"name": "web-a"},
                    "spec": {"containers": [{"name": "theirs", "image": "example/theirs:1"}]},
                },
            )
        ),
        run_tests(),
    ],
    "configmap-driver": [
        told(install(PODS), {"HELM_DRIVER": "configmap"}),
        told(run_tests(filter=["name=web-a"]), {"HELM_DRIVER": "configmap"}),
    ],
    "not-found": [run_tests(fails="release: not found")],
    "name-invalid": [reworded(run_tests("Web_1", fails="invalid"))],
}


@pytest.mark.parametrize("case", CASES)
async def test_same(pair: Pair, case: str) -> None:
    await pair.go(CASES[case])
