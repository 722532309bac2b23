"""What pages are told: everything once, the newest state, and no more memory for slow ones."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from examples.console.feed import Batch, Feed


class Reader:
    """A page: what it has after what it was told."""

    def __init__(self) -> None:
        self.values: dict[str, object] = {}
        self.id: str | None = None

    def take(self, batch: Batch) -> None:
        if batch.whole:
            self.values.clear()
        for key, value in batch.changes:
            if value is None:
                self.values.pop(key, None)
            else:
                self.values[key] = value
        self.id = batch.id


def test_a_new_page_gets_everything_in_the_order_of_the_last_changes() -> None:
    feed = Feed()
    for key in ("a", "b", "a"):
        feed.put(key, {"n": len(feed.keys("")), "key": key})
    batch = feed.since(None)
    assert batch.whole
    assert [key for key, _ in batch.changes] == ["b", "a"]


def test_a_page_that_comes_back_gets_what_changed_and_nothing_twice() -> None:
    feed, page = Feed(), Reader()
    feed.put("a", 1)
    feed.put("b", 1)
    page.take(feed.since(None))
    feed.put("b", 2)
    feed.put("b", 3)
    feed.put("c", 1)
    feed.remove("a")
    batch = feed.since(page.id)
    assert (batch.whole, batch.changes) == (False, [("b", 3), ("c", 1), ("a", None)])
    page.take(batch)
    assert page.values == {"b": 3, "c": 1}
    assert feed.since(page.id).changes == []


def test_the_same_value_is_no_change() -> None:
    feed = Feed()
    feed.put("a", {"status": "ready"})
    seen = feed.since(None).id
    feed.put("a", {"status": "ready"})
    feed.remove("b")
    assert feed.since(seen).changes == []


def test_a_page_of_another_console_or_of_long_ago_gets_everything_anew() -> None:
    feed, page = Feed(remembered=2), Reader()
    for key in "abcd":
        feed.put(key, 1)
    page.take(feed.since(None))
    for key in "abc":
        feed.remove(key)
    batch = feed.since(page.id)
    assert batch.whole, "the first removal is not remembered any more"
    page.take(batch)
    assert page.values == {"d": 1}
    for strange in (Feed().since(None).id, "", "x", "x-1", f"{batch.id}9", batch.id.replace("-", "-+")):
        assert feed.since(strange).whole, strange
    assert not feed.since(batch.id).whole


def test_what_is_put_again_is_there_again() -> None:
    feed = Feed()
    feed.put("a", 1)
    seen = feed.since(None).id
    feed.remove("a")
    feed.put("a", 1)
    assert feed.since(seen).changes == [("a", 1)]
    assert feed.keys("a") == ["a"]


def test_a_page_that_reads_nothing_costs_nothing() -> None:
    feed, page = Feed(remembered=10), Reader()
    feed.put("a", 0)
    page.take(feed.since(None))
    for number in range(10_000):
        feed.put("a", number)
        feed.put(f"line/{number}", number)
        if number >= 5:
            feed.remove(f"line/{number - 5}")
    batch = feed.since(page.id)
    assert len(batch.changes) <= 1 + 5 + 10, "the newest states and the removals that are remembered"
    page.take(batch)
    assert page.values["a"] == 9_999
    assert len(page.values) == 6


async def test_those_who_follow_are_told_in_batches_and_until_they_are_parted_with() -> None:
    feed, page, last = Feed(), Reader(), asyncio.Event()
    batches = 0

    async def follow() -> None:
        nonlocal batches
        async with aclosing(feed.follow(None)) as told:
            async for batch in told:
                page.take(batch)
                batches += 1
                if "last" in page.values:
                    last.set()

    following = asyncio.create_task(follow())
    for number in range(2_000):
        feed.put(f"key/{number % 7}", number)
        if number % 20 == 0:
            await asyncio.sleep(0)
    feed.put("last", True)
    await last.wait()
    assert page.values == {key: feed.get(key) for key in feed.keys("")}
    assert batches < 200, "changes are gathered"
    feed.part()
    await following
