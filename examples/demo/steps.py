"""What the demo does, step by step. Each checks its outcome; the first that is not as it should be ends it."""

from __future__ import annotations

import asyncio
import textwrap
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from helm_sdkpy import (
    Configuration,
    GetValues,
    HelmError,
    History,
    HookError,
    Install,
    InstallError,
    List,
    Rollback,
    Status,
    Uninstall,
    Upgrade,
)
from helm_sdkpy.events import OnEvent

from . import releases
from .display import Screen
from .releases import Wanted

PATIENCE = 2.0
"""Seconds after which the install that would wait for ever is cancelled."""

TIMEOUT = 120
"""Seconds after which anything else that still waits has failed."""


class Unexpected(Exception):
    """The outcome of a step is not what it should be."""


@dataclass(frozen=True)
class Outcome:
    """How a step went."""

    step: str
    outcome: str
    seconds: float


class Demo:
    """The steps, on one Configuration."""

    def __init__(self, config: Configuration, screen: Screen, *, real: bool) -> None:
        self._config = config
        self._screen = screen
        self._real = real
        self._shop, *_ = self._examples = releases.examples(real=real)
        self.outcomes: list[Outcome] = []
        self.failed = False

    async def examples(self, *, keep: bool) -> None:
        """The project's own charts, and everything that can happen to a release."""
        await self._step(f"Install {len(self._examples)} charts at once", self.install_all, self._examples)
        await self._step("Upgrade one", self.upgrade)
        await self._step("An install that fails", self.fail)
        await self._step("Cancel one that is never ready", self.cancel)
        await self._step("The next upgrade of it works", self.recover)
        await self._step("Roll back", self.roll_back)
        await self._step("List", self.list, {wanted.name for wanted in self._examples} | {"broken", "stuck"})
        if not keep:
            await self._step("Uninstall all at once", self.uninstall_all)
            if self._real:
                self._screen.say("helm never deletes CRDs: kubectl delete crd widgets.helm-sdkpy.example")

    async def charts(self, wanted: Sequence[Wanted], *, keep: bool) -> None:
        """Charts that the user names."""
        many = f"{len(wanted)} charts at once" if len(wanted) > 1 else wanted[0].name
        await self._step(f"Install {many}", self.install_all, wanted)
        await self._step("List", self.list, {release.name for release in wanted})
        if not keep:
            await self._step("Uninstall all at once", self.uninstall_all)

    async def install_all(self, wanted: Sequence[Wanted]) -> str:
        """Install all at once and wait until they are ready."""
        self._screen.call("await asyncio.gather(*(Install(config).run(name, chart, values) for …))")

        async def install(release: Wanted, on_event: OnEvent) -> None:
            done = await Install(self._config).run(
                release.name, release.chart, release.values, timeout=TIMEOUT, on_event=on_event
            )
            expect(done["info"]["status"], "deployed", f"the status of {release.name}")
            expect(done["version"], 1, f"the revision of {release.name}")

        await self._at_once(wanted, install)
        return f"{len(wanted)} deployed"

    async def upgrade(self) -> str:
        """Change the shop's values, and see that they are what the cluster has."""
        change = {"replicas": 3, "greeting": "Good evening"}
        self._screen.call('await Upgrade(config).run("shop", chart, {"replicas": 3, …}, reuse_values=True)')

        async def upgrade(shop: Wanted, on_event: OnEvent) -> None:
            upgraded = await Upgrade(self._config).run(
                shop.name, shop.chart, change, reuse_values=True, timeout=TIMEOUT, on_event=on_event
            )
            expect(upgraded["version"], 2, "the revision")
            expect("Good evening" in upgraded["info"].get("notes", ""), True, "the new greeting in the notes")

        await self._at_once([self._shop], upgrade)
        values = await GetValues(self._config).run("shop")
        expect({name: values.get(name) for name in change}, change, "the values")
        return "revision 2"

    async def fail(self) -> str:
        """Install a chart whose pre-install hook fails; its error says so."""
        self._screen.call('try: await Install(config).run("broken", chart)')
        broken = releases.broken()
        try:
            with self._screen.live() as show, show(broken.name) as on_event:
                await Install(self._config).run(
                    broken.name, broken.chart, broken.values, timeout=TIMEOUT, on_event=on_event
                )
        except HelmError as failed:
            self._screen.error(failed)
            expect(isinstance(failed, InstallError) and isinstance(failed, HookError), True, "both axes of the error")
        else:
            raise Unexpected("the install of broken did not fail")
        return await self._expect_status(broken.name, "failed")

    async def cancel(self) -> str:
        """Cancel the task of an install; the record says so, and no more is left behind than that."""
        self._screen.call('task.cancel()  # of: await Install(config).run("stuck", chart)')
        stuck = releases.stuck()

        async def install() -> None:
            with show(stuck.name) as on_event:
                await Install(self._config).run(stuck.name, stuck.chart, stuck.values, on_event=on_event)

        with self._screen.live() as show:
            task = asyncio.create_task(install())
            try:
                await asyncio.wait([task], timeout=PATIENCE)
            finally:
                # Also where it is the demo that is stopped.
                task.cancel()
                began = time.perf_counter()
                await asyncio.wait([task], timeout=TIMEOUT)
                took = time.perf_counter() - began
        # How long it took is told and not judged: the machine may be busy.
        expect(task.done(), True, f"the cancelled install has ended after {took:.1f} s")
        if not task.cancelled():
            await task
            raise Unexpected("the install of stuck ended before it was cancelled")
        self._screen.say(f"cancelled after {PATIENCE:g} s; the call returned {took * 1000:.0f} ms later")
        return f"in {took * 1000:.0f} ms; {await self._expect_status(stuck.name, 'failed')}"

    async def recover(self) -> str:
        """Upgrade what was cancelled to something that can be ready."""
        self._screen.call('await Upgrade(config).run("stuck", chart, values, install=True)')

        async def upgrade(release: Wanted, on_event: OnEvent) -> None:
            upgraded = await Upgrade(self._config).run(
                release.name, release.chart, release.values, install=True, timeout=TIMEOUT, on_event=on_event
            )
            expect(upgraded["info"]["status"], "deployed", "the status")

        await self._at_once([releases.unstuck(real=self._real)], upgrade)
        return "deployed"

    async def roll_back(self) -> str:
        """Take the shop back to its first revision."""
        self._screen.call('await Rollback(config).run("shop", 1, wait=True)')

        async def roll_back(shop: Wanted, on_event: OnEvent) -> None:
            back = await Rollback(self._config).run(shop.name, 1, wait=True, timeout=TIMEOUT, on_event=on_event)
            expect(back["version"], 3, "the revision")

        await self._at_once([self._shop], roll_back)
        self._screen.call('await History(config).run("shop")')
        history = await History(self._config).run("shop")
        self._screen.table(
            ("revision", "updated", "status", "description"),
            [(str(past["revision"]), past["updated"][:19], past["status"], past["description"]) for past in history],
        )
        expect([past["status"] for past in history], ["superseded", "superseded", "deployed"], "the history")
        values = await GetValues(self._config).run("shop", all=True)
        expect(values["replicas"], 2, "the replicas, as they were")
        return "revision 3 is as revision 1"

    async def list(self, expected: set[str]) -> str:
        """List what is there."""
        self._screen.call("await List(config).run()")
        found = await List(self._config).run()
        self._screen.table(
            ("release", "revision", "status", "chart", "app version"),
            [
                (
                    each["name"],
                    str(each["revision"]),
                    each["status"],
                    f"{each['chart']['metadata']['name']}-{each['chart']['metadata']['version']}",
                    each["app_version"],
                )
                for each in found
            ],
        )
        expect({each["name"] for each in found}, expected, "the releases")
        return f"{len(found)} releases"

    async def uninstall_all(self) -> str:
        """Uninstall all at once, whatever their state, and wait until everything is gone."""
        self._screen.call("await asyncio.gather(*(Uninstall(config).run(name) for …))")
        there = [Wanted(each["name"], "") for each in await List(self._config).run()]

        async def uninstall(release: Wanted, on_event: OnEvent) -> None:
            await Uninstall(self._config).run(release.name, timeout=TIMEOUT, on_event=on_event)

        await self._at_once(there, uninstall)
        expect(await List(self._config).run(), [], "what is left")
        return f"{len(there)} gone, nothing left"

    def summary(self, seconds: float) -> None:
        """Show how everything went."""
        self._screen.heading("Summary")
        rows = [(each.step, each.outcome, f"{each.seconds:.1f} s") for each in self.outcomes]
        self._screen.table(("step", "outcome", "time"), [*rows, ("All together", "", f"{seconds:.1f} s")])

    async def _step(self, title: str, step: Callable[..., Awaitable[str]], *arguments: object) -> None:
        if self.failed:
            return
        self._screen.heading(title)
        began = time.perf_counter()
        try:
            outcome = await step(*arguments)
        except (HelmError, Unexpected) as failed:
            self.failed = True
            self._screen.error(failed)
            outcome = "FAILED"
        self.outcomes.append(Outcome(title, outcome, time.perf_counter() - began))

    async def _at_once(self, wanted: Sequence[Wanted], operation: Callable[[Wanted, OnEvent], Awaitable[None]]) -> None:
        """Run an operation for each release at the same time, on a live display."""
        with self._screen.live() as show:

            async def run(release: Wanted) -> None:
                with show(release.name) as on_event:
                    await operation(release, on_event)

            ends = await asyncio.gather(*(run(release) for release in wanted), return_exceptions=True)
        failures = [end for end in ends if isinstance(end, Exception)]
        for failure in failures[:-1]:
            self._screen.error(failure)
        if failures:
            raise failures[-1]

    async def _expect_status(self, name: str, status: str) -> str:
        info = (await Status(self._config).run(name))["info"]
        description = textwrap.shorten(info.get("description", ""), 70, placeholder=" …")
        self._screen.say(f"its status afterwards: {info['status']} ({description})")
        expect(info["status"], status, f"the status of {name}")
        return f"its record says {info['status']}"


def expect(found: Any, wanted: Any, what: str) -> None:
    """Check an outcome.

    Raises:
        Unexpected: It is not what was wanted.
    """
    if found != wanted:
        raise Unexpected(f"{what}: expected {wanted!r}, found {found!r}")
