"""The operator itself: `kopf run --standalone --all-namespaces --module examples.operator.handlers`."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import kopf

from helm_sdkpy import Configuration, HelmError, NamespaceTerminatingError, Uninstall
from helm_sdkpy.results import EnsureResult

from . import conditions
from .work import Work, pause

GROUP, VERSION, PLURAL = "helm-sdkpy.example", "v1", "releases"
OBJECTS = (GROUP, VERSION, PLURAL)
TICK = 1.0
"""Seconds between two looks at what runs. A look costs nothing; the cluster is asked when something is due."""

configurations: dict[str | None, Configuration] = {}
works: dict[str, Work] = {}
"""By the object's uid."""


def configuration(namespace: str | None) -> Configuration:
    """The namespace's Configuration, one for all its releases: it keeps the connection and what the cluster knows.

    The lease keeps other operators away, and tells after a kill that nobody works on the release any more.
    """
    if namespace not in configurations:
        configurations[namespace] = Configuration(namespace, lock="lease")
    return configurations[namespace]


@kopf.on.startup()
async def start(settings: kopf.OperatorSettings, **_: Any) -> None:
    """Leave traces under the operator's own name, and none in the log for each tick."""
    settings.persistence.finalizer = f"{GROUP}/uninstall"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP)
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=GROUP)
    settings.posting.reporting_component = "helm-sdkpy-operator"
    logging.getLogger("kopf.objects").addFilter(lambda record: "Timer 'reconcile' succeeded" not in record.getMessage())


@kopf.on.cleanup()
async def end(**_: Any) -> None:
    """Leave every release in a state that the next operator goes on from."""
    await asyncio.gather(*(work.stop() for work in works.values()))
    await asyncio.gather(*(config.aclose() for config in configurations.values()))
    works.clear()
    configurations.clear()


@kopf.timer(*OBJECTS, interval=TICK)
async def reconcile(*, body: kopf.Body, patch: kopf.Patch, **_: Any) -> None:
    """Begin what is due, tell how it goes, take in what came of it. Nothing here takes long."""
    meta, generation = body.meta, int(body.meta["generation"])
    work = works.setdefault(meta.uid, Work())
    await work.follow(generation)
    if meta.deletion_timestamp:
        return  # that is for `uninstall`

    if (ended := work.take()) is not None:
        conclude(work, ended, body, patch)
    elif work.due():
        work.begin(configuration(meta.namespace), meta.name, body.spec)

    known = conditions.find(body.status)
    if work.task is not None and (known.get("observedGeneration") != generation or known["reason"] == "Progressing"):
        # Only for a new spec: while drift is looked for, what was known stays until something else is.
        patch.status.update(conditions.ready(body.status, "Unknown", "Progressing", work.says, generation))


def conclude(work: Work, ended: asyncio.Task[EnsureResult], body: kopf.Body, patch: kopf.Patch) -> None:
    """Write into the object what came of the work, and say when to look again."""
    try:
        done = ended.result()
    except HelmError as error:
        work.failures += 1
        work.again_in(seconds := pause(work.failures))
        patch.status.update(conditions.ready(body.status, "False", error.code, str(error), work.generation))
        kopf.warn(body, reason="Failed", message=f"{error.code}: {error} (next attempt in {seconds} s)")
        return

    work.failures = 0
    work.again_in(body.spec["interval"])
    metadata, revision = done["release"]["chart"]["metadata"], done["release"]["version"]
    chart = f"{metadata['name']}-{metadata['version']}"
    patch.status.update(
        conditions.ready(
            body.status, "True", "Deployed", f"{chart} is deployed as revision {revision}", work.generation
        )
    )
    patch.status.update({"chart": chart, "revision": revision})
    if done["changed"]:
        why = "; ".join(reason["message"] for reason in done["reasons"])
        kopf.info(body, reason=done["action"].capitalize(), message=f"{chart}, revision {revision}: {why}")


@kopf.on.delete(*OBJECTS)
async def uninstall(*, body: kopf.Body, retry: int, **_: Any) -> None:
    """Cancel what runs for the object, and uninstall its release; kopf holds the object until that is done."""
    name, namespace = body.meta.name, body.meta.namespace
    if (work := works.pop(body.meta.uid, None)) is not None:
        await work.stop()
    try:
        try:
            await Uninstall(configuration(namespace)).run(name, ignore_not_found=True)
        except NamespaceTerminatingError:
            # Nothing new can be made in it, a lease neither; and nobody else will work there.
            async with Configuration(namespace) as config:
                await Uninstall(config).run(name, ignore_not_found=True)
    except HelmError as error:
        seconds = pause(retry + 1)
        kopf.warn(body, reason="UninstallFailed", message=f"{error.code}: {error} (next attempt in {seconds} s)")
        raise kopf.TemporaryError(str(error), delay=seconds) from error
