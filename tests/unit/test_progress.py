"""The displays over events, fed with what installs, upgrades and uninstalls report."""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
import subprocess
import sys
from collections.abc import Iterable
from typing import Any, cast

import pytest

from helm_sdkpy import HelmError, progress
from helm_sdkpy.events import Event
from helm_sdkpy.progress import Display, Line

rich_console = pytest.importorskip("rich.console")


def event(type_: str, **keys: Any) -> Event:
    return cast("Event", {"type": type_, "time": "2026-11-24T05:12:33.120Z", "release": "shop", **keys})


def phase(name: str) -> Event:
    return event("phase", phase=name)


def resource(kind: str, name: str = "shop", **keys: Any) -> Event:
    return event("resource", resource={"api_version": "v1", "kind": kind, "namespace": "web", "name": name}, **keys)


def hook(name: str, **keys: Any) -> Event:
    return event("hook", resource={"api_version": "batch/v1", "kind": "Job", "namespace": "web", "name": name}, **keys)


def feed(line: Line, events: Iterable[Event]) -> Line:
    for each in events:
        line(each)
    return line


@pytest.fixture
def line() -> Line:
    return Display()("shop")


APPLIED = (
    phase("rendering"),
    phase("applying"),
    resource("ConfigMap", action="created"),
    resource("Service", action="created"),
    resource("Deployment", action="created"),
)


def test_counts_what_is_applied_then_what_is_ready(line: Line) -> None:
    feed(line, APPLIED)
    assert (line.phase, line.ready, line.counts) == ("applying", "3 applied", None)
    feed(line, (phase("waiting"), resource("ConfigMap", status="ready"), resource("Service", status="ready")))
    line(resource("Deployment", status="in_progress", message="Available: 1/3"))
    assert line.ready == "2/3"
    assert line.waiting_for == "Deployment shop: Available: 1/3"
    line(resource("Deployment", status="ready"))
    assert (line.ready, line.waiting_for) == ("3/3", "")


def test_what_failed_is_named_before_what_only_takes_time(line: Line) -> None:
    feed(line, (*APPLIED, phase("waiting")))
    line(resource("Service", status="in_progress", message="no address"))
    line(resource("Deployment", status="failed", message="ProgressDeadlineExceeded"))
    assert line.waiting_for == "Deployment shop: ProgressDeadlineExceeded (and 1 more)"


def test_a_namespace_made_before_the_release_is_not_one_of_its_objects(line: Line) -> None:
    feed(line, (phase("rendering"), resource("Namespace", "web", action="created"), *APPLIED[1:]))
    assert line.ready == "3 applied"


def test_a_hook_is_shown_while_it_runs_and_is_not_counted(line: Line) -> None:
    feed(line, (phase("pre-install"), hook("migration", phase="pre-install", status="started")))
    feed(line, (resource("Job", "migration", action="created"), resource("Job", "migration", status="in_progress")))
    assert (line.waiting_for, line.ready) == ("Job migration", "")
    line(resource("Job", "migration", status="in_progress", message="Job in progress"))
    assert line.waiting_for == "Job migration: Job in progress"
    line(hook("migration", phase="pre-install", status="succeeded"))
    assert line.waiting_for == ""
    assert not line.notes


def test_a_hook_of_an_earlier_run_that_helm_deletes_first_is_not_counted(line: Line) -> None:
    feed(line, (phase("rendering"), resource("Job", "migration", action="deleted")))
    line(resource("Job", "migration", status="not_found", message="Resource not found"))
    feed(line, (*APPLIED[1:], phase("waiting"), resource("Service", status="ready")))
    line(resource("Pod", "seed", status="terminating"))
    assert line.ready == "1/3"


def test_an_upgrade_that_removes_an_object_no_longer_counts_it(line: Line) -> None:
    feed(line, (phase("applying"), resource("Secret", action="configured"), resource("Service", action="unchanged")))
    line(resource("Secret", action="deleted"))
    assert line.ready == "1 applied"


def test_an_uninstall_counts_what_is_gone(line: Line) -> None:
    feed(line, (phase("uninstalling"), phase("deleting")))
    feed(line, (resource("Service", action="deleted"), resource("Deployment", action="deleted")))
    assert line.ready == "2 deleted"
    feed(line, (phase("waiting"), resource("Service", status="not_found")))
    line(resource("Deployment", status="terminating", message="Resource scheduled for deletion"))
    assert (line.ready, line.waiting_for) == ("1/2", "Deployment shop: Resource scheduled for deletion")


def test_a_clean_up_after_a_failed_install_starts_the_count_anew(line: Line) -> None:
    feed(line, (*APPLIED, phase("waiting"), resource("Deployment", status="in_progress")))
    feed(line, (phase("uninstalling"), phase("deleting"), resource("Deployment", action="deleted")))
    assert line.ready == "1 deleted"


def test_notes_are_the_last_lines_of_hooks_and_warnings(line: Line) -> None:
    feed(line, (hook("check", phase="pre-install", message=f"line {number}") for number in range(10)))
    line(event("warning", message="v1 Endpoints is deprecated"))
    line(event("log", level="debug", message="creating resource(s)"))
    line(hook("check", phase="pre-install", status="failed", message="exit code 1"))
    assert list(line.notes) == [
        "line 7",
        "line 8",
        "line 9",
        "warning: v1 Endpoints is deprecated",
        "Job check failed: exit code 1",
    ]


@pytest.mark.parametrize(
    ("raised", "state", "message"),
    [
        (None, "done", ""),
        (TimeoutError("not ready in time"), "failed", "not ready in time"),
        (ValueError(), "failed", "ValueError"),
        (asyncio.CancelledError(), "cancelled", ""),
    ],
)
def test_a_line_around_an_operation_knows_how_it_ended(
    line: Line, raised: BaseException | None, state: str, message: str
) -> None:
    caught: BaseException | None = None
    try:
        with line as on_event:
            assert on_event is line
            if raised is not None:
                raise raised
    except BaseException as passed:
        caught = passed
    assert caught is raised
    assert (line.state, line.error) == (state, message)
    elapsed = line.elapsed
    assert line.elapsed == elapsed


def test_a_line_that_was_told_of_success_counts_everything_as_ready(line: Line) -> None:
    feed(line, (*APPLIED, phase("waiting"), resource("Deployment", status="in_progress", message="0/1")))
    line.end("done")
    assert (line.ready, line.waiting_for) == ("3/3", "")


def test_the_first_end_counts(line: Line) -> None:
    line.end("failed", "no")
    line.end("done")
    assert line.state == "failed"


def test_a_display_claims_nothing_of_lines_that_were_not_told_their_end() -> None:
    stream = io.StringIO()
    with progress.plain(stream) as show:
        feed(show("shop"), APPLIED)
    assert show.lines[0].state == "unknown"
    assert "done" not in stream.getvalue()


def lines(stream: io.StringIO) -> list[str]:
    """What was written, without the time of day."""
    written = stream.getvalue().splitlines()
    assert all(re.match(r"\d\d:\d\d:\d\d\.\d{3}  ", line) for line in written)
    return [re.sub(r"\d+\.\d s", "N s", line[14:]) for line in written]


async def test_plain_writes_a_line_for_what_lasts() -> None:
    stream = io.StringIO()
    with progress.plain(stream, every=0.1) as show:
        show("migrate")
        with show("shop") as on_event:
            feed(on_event, (phase("pre-install"), hook("check", phase="pre-install", status="started")))
            await asyncio.sleep(0.3)
            on_event(hook("check", phase="pre-install", status="succeeded"))
            feed(on_event, (*APPLIED[1:], phase("waiting"), resource("Service", status="ready")))
            on_event(resource("Deployment", status="in_progress", message="Available: 0/1"))
            await asyncio.sleep(0.3)
            on_event(resource("Deployment", status="in_progress", message="Available: 0/1"))
            await asyncio.sleep(0.3)
            feed(on_event, (resource("ConfigMap", status="ready"), resource("Deployment", status="ready")))
        await asyncio.sleep(0.3)
    assert lines(stream) == [
        "shop     pre-install  Job check",
        "shop     waiting 1/3  Deployment shop: Available: 0/1",
        "shop     done in N s  3/3",
    ]


def test_plain_without_a_loop_writes_at_once() -> None:
    stream = io.StringIO()
    with progress.plain(stream) as show:
        feed(show("shop"), (phase("applying"), resource("Service", action="created")))
    assert lines(stream) == ["shop  applying", "shop  applying 1 applied"]


async def test_plain_writes_few_lines_for_many_objects() -> None:
    stream = io.StringIO()
    names = [f"item-{number}" for number in range(1000)]
    with progress.plain(stream) as show, show("shop") as on_event:
        on_event(phase("applying"))
        for name in names:
            on_event(resource("ConfigMap", name, action="created"))
            await asyncio.sleep(0)
        on_event(phase("waiting"))
        feed(on_event, (resource("ConfigMap", name, status="ready") for name in names))
    written = lines(stream)
    assert len(written) < 10
    assert written[-1] == "shop  done in N s  1000/1000"


async def test_plain_tells_a_failure_with_what_the_hook_wrote() -> None:
    stream = io.StringIO()
    with progress.plain(stream) as show, contextlib.suppress(RuntimeError), show("shop") as on_event:
        on_event(phase("pre-install"))
        on_event(hook("check", phase="pre-install", status="started"))
        on_event(hook("check", phase="pre-install", message="the licence has expired"))
        on_event(event("log", level="info", message="nothing to see here"))
        on_event(hook("check", phase="pre-install", status="failed", message="exit code 1"))
        raise RuntimeError("hook failed")
    assert lines(stream) == [
        "shop  | the licence has expired",
        "shop  | Job check failed: exit code 1",
        "shop  failed in N s  hook failed",
    ]


def drawn(raised: Exception | None, *events: Event) -> str:
    """The last picture of a table on a terminal of 100 columns."""
    stream = io.StringIO()
    console = rich_console.Console(file=stream, force_terminal=True, width=100, height=30, color_system=None)
    with progress.rich(console) as show, contextlib.suppress(RuntimeError, HelmError), show("shop") as on_event:
        feed(on_event, events)
        if raised is not None:
            raise raised
    text = re.sub(r"\x1b\[[0-9?;]*[a-zA-Z]", "", stream.getvalue())
    return text[text.rindex("release") :]


def test_rich_draws_a_row_for_each_release() -> None:
    picture = drawn(None, *APPLIED, phase("waiting"), resource("Deployment", status="ready"))
    assert re.search(r"✔ +shop +done +3/3 +\d\.\d s", picture)


def test_rich_shows_below_the_table_why_one_failed() -> None:
    check = hook("check", phase="pre-install", message="the licence [red] has expired")
    picture = drawn(RuntimeError("hook failed: [bold]"), phase("pre-install"), check)
    assert re.search(r"✘ +shop +failed", picture)
    assert "shop: hook failed: [bold]\n" in re.sub(r" *\r?\n", "\n", picture)
    assert "    the licence [red] has expired" in picture


def test_display_is_plain_where_the_output_is_no_terminal() -> None:
    stream = io.StringIO()
    with progress.display(stream) as show:
        show("shop")(phase("applying"))
    assert "shop  applying" in stream.getvalue()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_display_is_a_table_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with progress.display(stream) as show:
        show("shop")(phase("applying"))
    assert "waiting for" in stream.getvalue()


def test_display_is_plain_on_a_terminal_that_can_not_move_its_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    with progress.display(stream) as show:
        show("shop")(phase("applying"))
    assert "\x1b" not in stream.getvalue()


def test_display_is_plain_on_a_terminal_without_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setitem(sys.modules, "rich", None)
    stream = Terminal()
    with progress.display(stream) as show:
        show("shop")(phase("applying"))
    assert "\x1b" not in stream.getvalue()


def test_rich_says_how_to_install_it_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    with pytest.raises(ImportError, match=re.escape("pip install 'helm-sdkpy[progress]'")):
        progress.rich()


def test_only_the_last_lines_are_shown_below_a_failure_and_the_others_counted() -> None:
    lines = [hook("check", message=f"line {number}") for number in range(125)]
    picture = drawn(RuntimeError("hook failed"), phase("pre-install"), *lines)
    last = picture[picture.rindex("hook failed") :]
    assert "… 120 lines more" in last
    assert "line 119" not in last
    assert "line 120" in last
    assert "line 124" in last


def test_one_line_more_is_one() -> None:
    lines = [hook("check", message=f"line {number}") for number in range(6)]
    assert "… 1 line more" in drawn(RuntimeError("no"), *lines)


def test_logs_of_what_was_not_ready_are_shown_below_its_failure() -> None:
    logs = [{"pod": "shop-1", "container": "main", "previous": True, "lines": ["first", "starting", "no database"]}]
    not_ready = [{"kind": "Deployment", "name": "shop", "logs": logs}, {"kind": "Service", "name": "shop"}]
    error = HelmError("timed out", code="wait_timeout", details={"not_ready": not_ready})
    picture = drawn(error, hook("check", message="starting"))
    assert "shop-1 main: no database" in picture
    # A hook's lines are told as events already.
    assert "shop-1 main: starting" not in picture


def test_warnings_are_counted(line: Line) -> None:
    line(event("warning", message="deprecated"))
    line(event("log", level="warning", message="an old chart"))
    line(event("log", level="error", message="an error"))
    assert line.warnings == 2
    assert re.search("2 warnings", drawn(None, event("warning", message="a"), event("warning", message="b")))


def test_warnings_are_counted_in_plain_lines() -> None:
    stream = io.StringIO()
    with progress.plain(stream) as show, show("shop") as line:
        line(event("warning", message="deprecated"))
    assert re.search(r"shop  done in 0\.\d s  1 warning\n", stream.getvalue())


def test_rich_is_only_imported_where_it_is_used() -> None:
    code = """
import io, sys
from helm_sdkpy import progress
with progress.display(io.StringIO()) as show:
    show("shop")({"type": "phase", "time": "", "phase": "applying"})
assert "rich" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
