"""How a call sounds, reckoned from delay, loss and codec: the E-model (ITU-T G.107), simplified.

    R  = 93.2 - Id(T) - Ie,eff                                    G.107 §7.1, the rest at defaults
    Id = Idte + Idle + Idd                                        §7.4
    Ie,eff = Ie + (95 - Ie) · Ppl / (Ppl / BurstR + Bpl)          §7.5
    MOS = 1 + 0.035 R + R (R - 60) (100 - R) · 7·10⁻⁶             Annex B

Sections are those of the 2015 edition. One delay T stands for all three of the model (the mean one
way, Ta, and half the echo's way). Talker echo is at the model's default (TELR 65 dB): telephones
cancel it, but not wholly.
"""

from __future__ import annotations

import math

R_AT_BEST = 93.2
"""All parameters at their defaults, no delay, G.711 (§7.7)."""
TELR, WEPL, RLR, NO, RO = 65.0, 110.0, 2.0, -61.18, 94.77
"""Defaults of table 2, and what comes of them: the noise's sum and the basic ratio."""

CODECS: dict[str, tuple[float, float]] = {
    # Ie of G.113 table I.1, Bpl of table I.4 (with concealment)
    "pcmu": (0.0, 25.1),
    "pcma": (0.0, 25.1),
    # not in the tables: no worse than G.711 on this scale, whose top is a good G.711 call
    "l16": (0.0, 25.1),
    # likewise; our own assumption is that its concealment does as well as G.711's
    "opus": (0.0, 25.1),
    # Ie,wb 14 to 15 on the wideband scale is about 0 on this one (G.113 appendix IV); a loss
    # disturbs what its decoder has adapted to, hence less Bpl, which is our assumption
    "g722": (0.0, 20.0),
    # table I.1; Bpl as for G.722
    "g726-32": (7.0, 20.0),
    # table I.1; Bpl of its enhanced sister in table I.4
    "gsm": (20.0, 10.0),
}
"""Ie and Bpl by a codec's key, without its clock."""
UNKNOWN = (10.0, 10.0)
"""A codec that is passed on and not known here."""


def rating(delay: float, loss: float = 0.0, codec: str = "pcmu", burst_ratio: float = 1.0) -> float:
    """R. `delay` in seconds from mouth to ear, `loss` as a share of 1, of what was not played.

    `codec` is a key, `burst_ratio` 1 where losses are independent.
    """
    impairment, robustness = CODECS.get(codec.partition("/")[0], UNKNOWN)
    percent = 100.0 * min(1.0, max(0.0, loss))
    ratio = max(1.0, burst_ratio)
    by_loss = (95.0 - impairment) * percent / (percent / ratio + robustness)
    return R_AT_BEST - delay_impairment(1000.0 * max(0.0, delay)) - impairment - by_loss


def mos(r: float) -> float:
    """From 1 to 4.5; below R 6.5 the formula leads under 1, where nobody's opinion goes."""
    if r <= 0.0:
        return 1.0
    if r >= 100.0:
        return 4.5
    return max(1.0, 1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6)


def delay_impairment(ms: float) -> float:
    """Id of so many milliseconds one way (§7.4); 0 for none."""
    return _talker_echo(ms) + _listener_echo(ms) - _listener_echo(0.0) + _absolute(ms)


def _talker_echo(ms: float) -> float:
    """Idte, for a usual side tone."""
    terv = TELR - 40.0 * math.log10((1.0 + ms / 10.0) / (1.0 + ms / 150.0))
    terv += 6.0 * math.exp(-0.3 * ms * ms)
    echo = 80.0 + 2.5 * (terv - 14.0)
    return _excess(-1.5 * (NO - RLR) - echo, 100.0, 1.0) * (1.0 - math.exp(-ms))


def _listener_echo(ms: float) -> float:
    """Idle: her own words' echo of the echo, by 2 T. Its little at no delay is in 93.2 already."""
    echo = 10.5 * (WEPL + 7.0) * (2.0 * ms + 1.0) ** -0.25
    return _excess(RO - echo, 169.0, 0.0)


def _absolute(ms: float) -> float:
    """Idd: too long to talk with, whatever the echo."""
    if ms <= 100.0:
        return 0.0
    x = math.log2(ms / 100.0)
    return 25.0 * (_sixth_root(1.0 + x**6) - 3.0 * _sixth_root(1.0 + (x / 3.0) ** 6) + 2.0)


def _sixth_root(x: float) -> float:
    return math.sqrt(math.cbrt(x))


def _excess(over: float, softness: float, less: float) -> float:
    """How far one ratio lies under another, with a soft bend instead of a corner."""
    return over / 2.0 + math.sqrt(over * over / 4.0 + softness) - less
