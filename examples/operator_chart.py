"""An operator's chart end to end: its kinds, its controller, an object of a kind, an upgrade, the end."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from examples.cluster import CHARTS, IMAGE, Place
from examples.program import run
from helm_sdkpy import Configuration, Diff, Install, List, Status, Uninstall, Upgrade, Wait, progress

DOWNLOADED = Path(os.environ.get("HELM_SDKPY_CHARTS", Path(__file__).parents[2] / "shared" / "charts"))
"""Where charts of others are looked for."""


@dataclass(frozen=True)
class Operator:
    """A chart that brings kinds of its own and the controller for them."""

    chart: Path
    kind: str
    custom: dict[str, Any]
    """Values with which the chart makes an object of the kind."""
    changed: dict[str, Any]
    """Values of the upgrade."""
    values: dict[str, Any] = field(default_factory=dict[str, Any])
    needs: Path | None = None
    """A chart whose kinds this one uses."""


def argo_rollouts() -> Operator:
    """Argo Rollouts, watched by Prometheus: the ServiceMonitor is of a kind that another chart brings."""
    rollout = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"canary": {"steps": [{"setWeight": 20}, {"pause": {"duration": "10s"}}]}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": IMAGE, "command": ["sleep", "infinity"]}]},
            },
        },
    }
    return Operator(
        chart=DOWNLOADED / "argo-rollouts-2.41.0.tgz",
        kind="Rollout",
        custom={"extraObjects": [rollout]},
        changed={"controller": {"replicas": 3}},
        # keepCRDs would leave the kinds behind, with all objects of them; here nothing is to be left.
        values={"keepCRDs": False, "controller": {"metrics": {"enabled": True, "serviceMonitor": {"enabled": True}}}},
        needs=DOWNLOADED / "prometheus-operator-crds-31.0.1.tgz",
    )


def widget(place: Place) -> Operator:
    """This project's own small chart, where those of others are not there."""
    return Operator(
        chart=CHARTS / "widget",
        kind="Widget",
        custom={"widgets": {"large": {"size": 9, "colour": "green"}}},
        changed={"podAnnotations": {"restarted": "once"}},
        values=place.values,
    )


async def main(place: Place) -> None:
    """Go through the operator's life."""
    operator = argo_rollouts()
    if operator.needs is None or not (operator.chart.is_file() and operator.needs.is_file()):
        operator = widget(place)
    print("chart:", operator.chart.name)

    async with Configuration(place.namespace, place.kubeconfig, place.context) as config:
        if operator.needs is not None:
            needed = await Install(config).run("kinds", operator.needs)
            print(
                "kinds it needs:",
                needed["manifest"].count("kind: CustomResourceDefinition"),
                "from",
                operator.needs.name,
            )

        with progress.display() as show, show("operator") as line:
            await Install(config).run("operator", operator.chart, operator.values, on_event=line)
        await show_objects(config, "CustomResourceDefinition", "Deployment", "ServiceMonitor")

        # An object of the new kind, and what the upgrade would do for it.
        diff = await Diff(config).run("operator", operator.chart, operator.custom, reuse_values=True)
        for found in diff["objects"]:
            if found["action"] != "none":
                print("would", found["action"], found["kind"], found["name"])
        await Upgrade(config).run("operator", operator.chart, operator.custom, reuse_values=True)
        await show_objects(config, operator.kind)

        # The operator itself is upgraded under the object.
        await Upgrade(config).run("operator", operator.chart, operator.changed, reuse_values=True)
        ready = await Wait(config).run("operator")
        print("upgraded: revision", ready["version"], "with", len(ready["resources"]), "objects ready")

        # What uses the kinds goes before them. Kinds of a chart's crds/ directory helm never deletes.
        await Uninstall(config).run("operator")
        if operator.needs is not None:
            await Uninstall(config).run("kinds")
        print("uninstalled:", len(await List(config).run()), "releases left")


async def show_objects(config: Configuration, *kinds: str) -> None:
    """Print what the release has of these kinds, as the cluster has it."""
    status = await Status(config).run("operator")
    for version_and_kind, objects in status["info"].get("resources", {}).items():
        if version_and_kind.rpartition("/")[2] in kinds:
            print("in the cluster:", version_and_kind, *(found["metadata"]["name"] for found in objects))


if __name__ == "__main__":
    run(main)
