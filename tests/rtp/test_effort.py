"""Encoders spend less before the beat is late, and more again when it is calm."""

from __future__ import annotations

from siptg.rtp.effort import UP_AFTER, Effort


def spend(effort: Effort, share: float, turns: int) -> None:
    for _ in range(turns):
        effort.spent(share)


def test_a_calm_beat_leaves_complexity_where_it_is() -> None:
    effort = Effort()
    spend(effort, 0.4, 10_000)
    assert (effort.complexity, effort.lowered) == (5, 0)


def test_a_beat_that_is_nearly_full_lowers_it_step_by_step() -> None:
    effort = Effort()
    seen: list[int] = []
    for _ in range(2000):
        effort.spent(0.95)
        if not seen or seen[-1] != effort.complexity:
            seen.append(effort.complexity)
    assert seen == [5, 2, 0]
    assert effort.lowered == 2


def test_one_heavy_turn_is_no_reason() -> None:
    effort = Effort()
    for _ in range(1000):
        effort.spent(0.3)
        if _ % 40 == 0:
            effort.spent(4.0)
    assert effort.complexity == 5


def test_it_rises_again_slowly_and_not_above_what_was_asked() -> None:
    effort = Effort(highest=5)
    spend(effort, 1.0, 1000)
    assert effort.complexity == 0
    spend(effort, 0.1, UP_AFTER + 200)
    assert effort.complexity == 2
    spend(effort, 0.1, 3 * UP_AFTER)
    assert effort.complexity == 5
