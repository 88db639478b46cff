"""Sounds as frames, by a small language: tones, call progress tones, silence, files, sequences.

tone:440                    for ever; tone:440/2000 for two seconds
tone:440+480@-20/2000       two pitches of −20 dBFS each
silence:500                 half a second of nothing
ringback:gb                 as in a country; ringback:gb/5000 for five seconds
announcement.ogg            a file; `file:hello.wav` inside of a sequence
tone:440/200,silence:800    one after the other
(tone:440/200,silence:800)*3    three times; `*` alone: for ever
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator
from functools import lru_cache

import attrs
import numpy as np
from numpy.typing import NDArray

from siptg.rtp.audio import Frame, Samples
from siptg.rtp.sounds.countries import DEFAULT, KINDS, LEVELS, ONCE, progress
from siptg.rtp.sounds.player import Player

Sound = Iterator[Frame]
"""20 ms frames at one rate; endless ones are for whoever stops them. They are not to be written to:
several may be one piece of memory."""

PEAK = 10_000
"""About −10 dBFS: loud enough to hear, far from clipping when mixed."""
EDGE = 0.004
"""Seconds in which a tone comes and goes, so that it does not click."""
MOST_MS = 86_400_000
MOST_TIMES = 1000
MOST_TEXT = 1000

LANGUAGE = re.compile(rf"\(|(tone|silence|file):|({'|'.join(KINDS)})($|[:,*]|/\d)")
"""How a text begins that is not the path of a file."""
EXAMPLES = (
    "tone:440+480@-20/2000, silence:500, ringback:de, (tone:440/200,silence:800)*3 or hello.wav"
)


def sound(what: str, rate: int, *, ahead: bool = True) -> Sound:
    """What the module's page describes, at a rate. ValueError says what is wrong and what was
    expected. Files are read ahead by a thread; `ahead=False` is for who has time to wait for them.
    """
    return _frames(_Text(what, rate, ahead).pieces(), rate // 50)


def tone(frequencies: list[float], rate: int, level: float | None = None) -> Sound:
    """Sines together, for ever; `level` in dBFS of each of them."""
    return _frames(
        _burst(tuple(frequencies), _strength(len(frequencies), level), None, rate), rate // 50
    )


Pieces = Callable[[bool], Iterator[Samples]]
"""Makes a sound in pieces of any length; told whether it will be asked for once more."""


@attrs.frozen
class _Part:
    text: str
    pieces: Pieces
    endless: bool = False


class _Text:
    """The language, read for one rate."""

    def __init__(self, text: str, rate: int, ahead: bool) -> None:
        if len(text) > MOST_TEXT:
            raise ValueError(f"at most {MOST_TEXT} characters expected, not {len(text)}")
        self._rate, self._ahead = rate, ahead
        if LANGUAGE.match(text):
            self._parts = self._sequence(text)
        else:  # a path may hold any sign
            self._parts = [self._file(text, text, 1)]

    def pieces(self) -> Iterator[Samples]:
        return itertools.chain.from_iterable(part.pieces(False) for part in self._parts)

    def _sequence(self, text: str) -> list[_Part]:
        parts = [self._item(item) for item in _split(text)]
        for part in parts[:-1]:
            if part.endless:
                raise ValueError(
                    f"{part.text} never ends, so nothing can follow it: tone:440/1000 would"
                )
        return parts

    def _item(self, text: str) -> _Part:
        inner, star, count = text.rpartition("*")
        if not star:
            return self._group(text, text, 1)
        times = int(_number(count, 1, MOST_TIMES, f"{text}: (tone:440/200)*3")) if count else None
        return self._group(text, inner, times)

    def _group(self, text: str, inner: str, times: int | None) -> _Part:
        if not inner.startswith("("):
            return self._atom(text, inner, times)
        if not inner.endswith(")") or "(" in inner[1:]:
            raise ValueError(
                f"{text}: one pair of brackets expected, as in (tone:440/200,silence:800)*3"
            )
        parts = self._sequence(inner[1:-1])
        if times != 1 and parts[-1].endless:
            raise ValueError(
                f"{parts[-1].text} never ends, so it cannot be repeated: tone:440/1000 can"
            )
        return _Part(text, _repeated(parts, times), times is None or parts[-1].endless)

    def _atom(self, text: str, inner: str, times: int | None) -> _Part:
        kind, _, rest = inner.partition(":")
        if kind == "file":
            return self._file(text, rest, times)
        if kind == "tone":
            part = self._tone(text, rest)
        elif kind == "silence":
            samples = self._samples(rest, text)
            part = _Part(text, lambda again: _burst((), 0, samples, self._rate))
        elif kind.partition("/")[0] in KINDS:
            part = self._progress(text, inner)
        else:
            raise ValueError(f"{text!r} is no sound: {EXAMPLES} expected")
        if times == 1:
            return part
        if part.endless:
            raise ValueError(f"{part.text} never ends, so it cannot be repeated: tone:440/1000 can")
        return _Part(text, _repeated([part], times), times is None)

    def _tone(self, text: str, rest: str) -> _Part:
        pitch, slash, length = rest.partition("/")
        hz, at, level = pitch.partition("@")
        frequencies = tuple(_number(f, 1, self._rate / 2, text) for f in hz.split("+"))
        loud = _number(level, -90, 0, text) if at else None
        strength = _strength(len(frequencies), loud)
        if strength * len(frequencies) > 32_768:
            most = -20 * math.log10(len(frequencies))
            raise ValueError(
                f"{text}: {most:.0f} dBFS at most expected for {len(frequencies)} pitches"
            )
        samples = self._samples(length, text) if slash else None
        return _Part(
            text, lambda again: _burst(frequencies, strength, samples, self._rate), not slash
        )

    def _progress(self, text: str, inner: str) -> _Part:
        name, slash, length = inner.partition("/")
        kind, _, country = name.partition(":")
        most = self._samples(length, text) if slash else None
        steps, level = progress(kind, country or DEFAULT), LEVELS.get(kind)
        once = kind in ONCE

        def pieces(again: bool) -> Iterator[Samples]:
            left = math.inf if most is None else most
            for frequencies, seconds in steps if once else itertools.cycle(steps):
                samples = int(min(round(seconds * self._rate), left))
                strength = _strength(len(frequencies), level) if frequencies else 0
                yield from _burst(frequencies, strength, samples, self._rate)
                left -= samples
                if left <= 0:
                    return

        return _Part(text, pieces, not slash and not once)

    def _file(self, text: str, path: str, times: int | None) -> _Part:
        try:
            player = Player(path, self._rate, times=times, ahead=self._ahead)
        except ValueError as error:
            raise ValueError(f"{error}; {EXAMPLES} expected") from None

        def pieces(again: bool) -> Iterator[Samples]:
            yield from player
            if again:
                player.rewind()  # at once, so that it is read when its turn comes

        return _Part(text, pieces, times is None)

    def _samples(self, milliseconds: str, text: str) -> int:
        return round(_number(milliseconds, 1, MOST_MS, text) * self._rate / 1000)


def _split(text: str) -> list[str]:
    """At commas outside of brackets."""
    items, depth, start = [], 0, 0
    for at, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if sign == "," and depth == 0:
            items.append(text[start:at].strip())
            start = at + 1
    return [*items, text[start:].strip()]


def _number(text: str, least: float, most: float, example: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise ValueError(
            f"{example}: a number from {least:.8g} to {most:.8g} expected, not {text!r}"
        )
    return number


def _strength(pitches: int, level: float | None) -> float:
    """Of each sine, so that all together do not exceed `PEAK` where nothing is said."""
    return PEAK / pitches if level is None else 32_767 * 10 ** (level / 20)


def _repeated(parts: list[_Part], times: int | None) -> Pieces:
    def pieces(again: bool) -> Iterator[Samples]:
        for turn in itertools.count(1):
            last, empty = turn == times, True
            for part in parts:
                for piece in part.pieces(again or not last):
                    empty = False
                    yield piece
            if last or empty:  # a file may have gone since: nothing, for ever, is an end
                return

    return pieces


def _frames(pieces: Iterator[Samples], size: int) -> Sound:
    """Pieces of any length as frames; the last is filled up with silence."""
    held: list[Samples] = []
    have = 0
    for piece in pieces:
        if not have and len(piece) == size:
            yield piece
            continue
        while have + len(piece) >= size:
            cut = size - have
            yield np.concatenate((*held, piece[:cut])) if held else piece[:cut]
            held, have, piece = [], 0, piece[cut:]
        if len(piece):
            held.append(piece)
            have += len(piece)
    if have:
        yield np.concatenate((*held, np.zeros(size - have, np.int16)))


def _burst(
    frequencies: tuple[float, ...], strength: float, samples: int | None, rate: int
) -> Iterator[Samples]:
    """Sines for so many samples, None for ever, softly on and off; no frequencies: silence."""
    size = rate // 50
    wave = _wave(frequencies, strength, rate)
    period = len(wave) - size
    rise = _rise(min(round(EDGE * rate), rate if samples is None else samples // 2))
    edge, at = len(rise), 0
    while samples is None or at < samples:
        count = size if samples is None else min(size, samples - at)
        start = at % period
        piece = wave[start : start + count]
        left = count if samples is None else samples - at - count
        if at == 0 or left < edge:
            shaped = piece.astype(np.float32)
            if at == 0:
                shaped[:edge] *= rise[:count]
            if samples is not None and left < edge:
                over = min(edge - left, count)  # samples of this piece that lie in the last edge
                fall = rise[left : left + over][::-1]
                shaped[count - over :] *= fall
            piece = np.rint(shaped).astype(np.int16)
        yield piece
        at += count


@lru_cache(maxsize=64)
def _wave(frequencies: tuple[float, ...], strength: float, rate: int) -> Samples:
    """A period of the sum and one frame more, so that a frame can begin anywhere in the period."""
    tenths = [round(f * 10) for f in frequencies]
    period = rate * 10 // math.gcd(rate * 10, *tenths) if any(tenths) else 1
    at = np.arange(period)
    waves = np.zeros(period)
    for tenth in tenths:
        # counted in whole turns first, so that the phase is exact
        waves += np.sin(2 * np.pi * ((at * tenth) % (rate * 10)) / (rate * 10))
    whole = np.resize(np.rint(waves * strength).clip(-32_768, 32_767), period + rate // 50)
    table = whole.astype(np.int16)
    table.setflags(write=False)
    return table


@lru_cache(maxsize=64)
def _rise(samples: int) -> NDArray[np.float32]:
    """From silence to full strength, as half a turn of a cosine."""
    return (0.5 - 0.5 * np.cos(np.pi * (np.arange(samples) + 0.5) / max(samples, 1))).astype(
        np.float32
    )
