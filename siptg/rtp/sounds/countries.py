"""Call progress tones by country: which pitch, how long, how long not.

After the survey of national tones that belongs to ITU-T E.180 (supplement 2, and the list in the
Operational Bulletin). `reconnecting`, `hold` and `limit` are no tones of the public network: they
are ours, and sound the same everywhere.
"""

from __future__ import annotations

Step = tuple[tuple[float, ...], float]
"""Frequencies that sound together, none for silence, and for how many seconds."""

Cadence = tuple[Step, ...]
"""Steps that are played again and again."""

DEFAULT = "de"


def _turns(hz: float | tuple[float, ...], *seconds: float) -> Cadence:
    """On, off, on, off …"""
    together = hz if isinstance(hz, tuple) else (hz,)
    return tuple(((), s) if n % 2 else (together, s) for n, s in enumerate(seconds))


def _information(low: float, mid: float, high: float, *, each: float = 0.33) -> Cadence:
    """The special information tone: three pitches upwards, one second of silence (E.180)."""
    return (((low,), each), ((mid,), each), ((high,), each), ((), 1.0))


_EUROPE: dict[str, Cadence] = {
    "ringback": _turns(425, 1.0, 4.0),
    "busy": _turns(425, 0.48, 0.48),
    "congestion": _turns(425, 0.24, 0.24),
    "unknown": _information(950, 1400, 1800),
    "waiting": _turns(425, 0.2, 0.2, 0.2, 5.0),
    "reconnecting": (((480,), 0.16), ((), 0.08), ((600,), 0.16), ((), 1.6)),
    "hold": _turns((220, 330), 0.6, 3.4),
    "limit": _turns(1000, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1),
    "record": _turns(1400, 0.2, 14.8),
}

COUNTRIES: dict[str, dict[str, Cadence]] = {
    "de": _EUROPE,
    "at": _EUROPE
    | {
        "ringback": _turns(420, 1.0, 5.0),
        "busy": _turns(420, 0.4, 0.4),
        "congestion": _turns(420, 0.2, 0.2),
        "unknown": _information(950, 1450, 1850),
        "waiting": _turns(420, 0.04, 1.96),
        "record": _turns(1400, 0.08, 14.92),
    },
    "ch": _EUROPE
    | {
        "busy": _turns(425, 0.5, 0.5),
        "congestion": _turns(425, 0.2, 0.2),
        "waiting": _turns(425, 0.2, 0.2, 0.2, 4.0),
    },
    "es": _EUROPE
    | {
        "ringback": _turns(425, 1.5, 3.0),
        "busy": _turns(425, 0.2, 0.2),
        "congestion": _turns(425, 0.2, 0.2, 0.2, 0.2, 0.2, 0.6),
        "waiting": _turns(425, 0.175, 0.175, 0.175, 3.5),
    },
    "fr": _EUROPE
    | {
        "ringback": _turns(440, 1.5, 3.5),
        "busy": _turns(440, 0.5, 0.5),
        "congestion": _turns(440, 0.25, 0.25),
        "waiting": _turns(440, 0.3, 10.0),
    },
    "gb": _EUROPE
    | {
        "ringback": _turns((400, 450), 0.4, 0.2, 0.4, 2.0),
        "busy": _turns(400, 0.375, 0.375),
        "congestion": _turns(400, 0.4, 0.35, 0.225, 0.525),
        "unknown": _turns(400, 60.0),  # "number unobtainable" sounds without a pause
        "waiting": _turns(400, 0.1, 4.0),
    },
    "it": _EUROPE
    | {
        "busy": _turns(425, 0.5, 0.5),
        "congestion": _turns(425, 0.2, 0.2),
        "waiting": _turns(425, 0.4, 0.1, 0.25, 0.1, 0.15, 14.0),
    },
    "jp": _EUROPE
    | {
        "ringback": _turns((384, 416), 1.0, 2.0),
        "busy": _turns(400, 0.5, 0.5),
        "congestion": _turns(400, 0.5, 0.5),
        "waiting": _turns((384, 416), 0.5, 4.0, 0.05, 0.45, 0.05, 3.45),
    },
    "nl": _EUROPE
    | {
        "busy": _turns(425, 0.5, 0.5),
        "congestion": _turns(425, 0.25, 0.25),
        "waiting": _turns(425, 0.5, 9.5),
    },
    "pl": _EUROPE
    | {
        "busy": _turns(425, 0.5, 0.5),
        "congestion": _turns(425, 0.5, 0.5),
        "waiting": _turns(425, 0.15, 0.15, 0.15, 4.0),
    },
    "ru": _EUROPE
    | {
        "ringback": _turns(425, 0.8, 3.2),
        "busy": _turns(425, 0.4, 0.4),
        "congestion": _turns(425, 0.2, 0.2),
        "waiting": _turns(425, 0.2, 5.0),
    },
    "ua": _EUROPE | {"busy": _turns(425, 0.3, 0.3), "waiting": _turns(425, 0.2, 5.0)},
    "us": _EUROPE
    | {
        "ringback": _turns((440, 480), 2.0, 4.0),
        "busy": _turns((480, 620), 0.5, 0.5),
        "congestion": _turns((480, 620), 0.25, 0.25),
        "waiting": _turns(440, 0.3, 10.0),
    },
}
"""A country that is not listed sounds like `DEFAULT`."""

KINDS = tuple(_EUROPE)

ONCE = frozenset({"limit"})
"""Kinds that are heard once; the others until somebody stops them."""

LEVELS = {"waiting": -18.0, "reconnecting": -18.0, "hold": -30.0, "limit": -18.0, "record": -24.0}
"""dBFS of the kinds that are softer than a tone is: they sound into speech, or for minutes."""


def progress(kind: str, country: str) -> Cadence:
    """Of a kind out of `KINDS`, in a country or, where it is not listed, in `DEFAULT`."""
    return COUNTRIES.get(country.lower(), COUNTRIES[DEFAULT])[kind]
