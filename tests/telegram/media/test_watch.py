"""What a call tells of a path that goes silent, comes back, or never carries sound."""

from __future__ import annotations

from collections.abc import Callable

from siptg.telegram.media.watch import NO_SOUND_AFTER, SILENT_AFTER, Told, Watch


def run(
    seconds: int,
    *,
    heard: Callable[[float], float],
    sounds: int = 0,
    muted: Callable[[float], bool] = lambda now: False,
) -> list[tuple[int, Told]]:
    """A look a second from the path's beginning at 100."""
    watch = Watch(100.0)
    found: list[tuple[int, Told]] = []
    for second in range(1, seconds + 1):
        now = 100.0 + second
        told = watch.look(now, heard(now), sounds, muted(now))
        if told is not None:
            found.append((second, told))
    return found


def test_silence_is_told_once_a_while_as_long_as_it_lasts() -> None:
    after = int(SILENT_AFTER)
    assert run(3 * after, heard=lambda now: 100.0, sounds=1) == [
        (after, Told.SILENT),
        (2 * after, Told.SILENT),
        (3 * after, Told.SILENT),
    ]


def test_who_comes_back_is_told_once() -> None:
    def heard(now: float) -> float:
        return 100.0 if now < 115 else now

    assert run(40, heard=heard, sounds=1)[-1] == (15, Told.BACK)


def test_a_path_without_sound_is_told_once() -> None:
    assert run(60, heard=lambda now: now) == [(int(NO_SOUND_AFTER), Told.NO_SOUND)]


def test_sound_that_came_once_is_enough() -> None:
    assert run(60, heard=lambda now: now, sounds=1) == []


def test_a_muted_peer_owes_no_sound_until_it_is_unmuted() -> None:
    assert run(60, heard=lambda now: now, muted=lambda now: True) == []
    found = run(60, heard=lambda now: now, muted=lambda now: now <= 130)
    assert found == [(30 + int(NO_SOUND_AFTER), Told.NO_SOUND)]


def test_a_lost_peer_owes_no_sound() -> None:
    found = run(60, heard=lambda now: 100.0)
    assert {told for _, told in found} == {Told.SILENT}
