"""Media of two ends of ours in dialects of which one end is never ours in the world."""

from __future__ import annotations

import json

import pytest

from siptg.telegram.media import path
from tests.support.engines import both_hear, two_ends, until


@pytest.mark.parametrize("version", ["4.0.0", "10.0.0"])
async def test_both_are_heard_muted_and_moved_to_a_new_path(version: str) -> None:
    async with two_ends(talking=True, version=version) as (a, b):
        await both_hear(a, b)
        for here, there in ((a, b), (b, a)):
            here.media.mute(True)
            await there.waits(("muted", True))
            here.media.mute(False)
            await until(lambda end=there: end.told[-1] == ("muted", False))  # type: ignore[misc]
        for restarting in (a, b):
            before = [end.media._path.connection for end in (a, b)]
            said = len(restarting.said)
            restarting.media.restart()
            if version == "4.0.0" and restarting is b:
                await both_hear(a, b)
                assert len(b.said) == said, "a browser that called takes no second answer"
                break
            await until(
                lambda was=before: (
                    [end.media._path.connection for end in (a, b)] != was  # type: ignore[misc]
                    and all(end.media._path._pending is None for end in (a, b))
                )
            )
            await both_hear(a, b)
        assert a.media.counters["malformed"] == b.media.counters["malformed"] == 0


async def test_an_answer_to_a_restart_that_never_comes_leaves_the_old_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(path, "RESTART_WITHIN", 1.0)
    monkeypatch.setattr(path, "PAUSE", 0.1)
    async with two_ends(talking=True, version="10.0.0") as (a, b):
        old = a.media._path.connection
        b.alter = lambda text: None if json.loads(text)["@type"] == "answer" else text
        a.media.restart()
        await until(lambda: a.media.counters["restarts"] > 1)
        assert a.media._path.connection is old
        await both_hear(a, b)
        b.alter = lambda text: text
        await until(lambda: a.media._path.connection is not old)
        await both_hear(a, b)
