"""What a stream counts, and how good it is: live, since any moment, and at the end."""

from __future__ import annotations

import attrs

from siptg.rtp.emodel import mos, rating

GOOD, FAIR = 4.0, 3.6
"""MOS from which on users are satisfied (R 80), or but for some of them (R 70): G.107 Annex B."""
FAR_BUFFER = 0.04
"""Seconds that we think the other side's jitter buffer holds at least."""


@attrs.define
class StreamStats:
    """Counters of one session. `Reports.count` brings in what only RTCP and reception know."""

    packets_sent: int = 0
    bytes_sent: int = 0
    packets_received: int = 0
    bytes_received: int = 0
    garbage: int = 0
    """Datagrams that are no RTP of this call."""
    elsewhere: int = 0
    """RTP from an address that is not the one we are latched on."""
    refused: int = 0
    """Packets that were not encrypted by our peer, or came twice."""
    unreachable: int = 0
    """ICMP errors: nobody listens where we send."""
    dropped: int = 0
    """Packets of ours that the system did not take."""
    lost: int = 0
    """Sequence numbers that never came."""
    late: int = 0
    """Packets that came when their time to be played was over."""
    concealed: int = 0
    """Frames made up."""
    buffered: float = 0.0
    """Seconds that the jitter buffer holds packets back now."""
    # what follows is written by `Reports.count`
    expected: int = 0
    """Packets that we should have got."""
    runs: int = 0
    """Losses in a row count as one."""
    duplicates: int = 0
    reordered: int = 0
    strays: int = 0
    """Packets of sources that we did not believe."""
    changes: int = 0
    """Sources that followed another."""
    collisions: int = 0
    """Times that our SSRC was somebody else's too."""
    jitter: float = 0.0
    """Seconds, now (RFC 3550 §A.8)."""
    round_trip: float | None = None
    """Seconds, of the last report that told it."""
    far_expected: int = 0
    """Of our packets, those that the other side has reported on."""
    far_lost: int = 0
    far_jitter: float = 0.0
    far_reports: int = 0
    rtcp_garbage: int = 0


@attrs.frozen
class Quality:
    """One direction of a call."""

    packets: int
    bytes: int
    lost: int
    """By the network."""
    loss: float
    """Share of 1 that could not be played in time: lost or late."""
    late: int
    duplicates: int
    reordered: int
    concealed: int
    jitter_ms: float
    round_trip_ms: float | None
    delay_ms: float
    """From mouth to ear, as far as we know: half the round trip, the buffer, one packet."""
    mos: float | None
    """From 1 to 4.5 by the E-model; None where nothing can be said yet."""

    @property
    def word(self) -> str:
        """good, fair, poor; unknown."""
        if self.mos is None:
            return "unknown"
        return "good" if self.mos >= GOOD else "fair" if self.mos >= FAIR else "poor"


def heard(
    stats: StreamStats, codec: str, packet: float = 0.02, since: StreamStats | None = None
) -> Quality:
    """What we hear. `packet` in seconds; `since` is a copy of the stats (`attrs.evolve(stats)`):
    only what came after it is told, so that the talk of the last seconds can be judged.
    """
    old = since or StreamStats()
    packets, expected = stats.packets_received - old.packets_received, stats.expected - old.expected
    lost, late = max(0, stats.lost - old.lost), max(0, stats.late - old.late)
    loss = min(1.0, (lost + late) / expected) if expected > 0 else 0.0
    delay = (stats.round_trip or 0.0) / 2 + stats.buffered + packet
    ratio = _burst_ratio(lost, stats.runs - old.runs, expected)
    return Quality(
        packets=packets,
        bytes=stats.bytes_received - old.bytes_received,
        lost=lost,
        loss=loss,
        late=late,
        duplicates=stats.duplicates - old.duplicates,
        reordered=stats.reordered - old.reordered,
        concealed=stats.concealed - old.concealed,
        jitter_ms=stats.jitter * 1000,
        round_trip_ms=_ms(stats.round_trip),
        delay_ms=delay * 1000,
        mos=mos(rating(delay, loss, codec, ratio)) if expected > 0 else None,
    )


def told(
    stats: StreamStats, codec: str, packet: float = 0.02, since: StreamStats | None = None
) -> Quality:
    """What the other side hears of us, by its reports. Its buffer is a guess: twice the jitter it
    tells, and 40 ms at least. What it finds late, doubled or made up it does not say.
    """
    old = since or StreamStats()
    expected = stats.far_expected - old.far_expected
    lost = min(max(0, stats.far_lost - old.far_lost), max(0, expected))
    loss = lost / expected if expected > 0 else 0.0
    jitter = min(stats.far_jitter, 1.0)
    delay = (stats.round_trip or 0.0) / 2 + max(FAR_BUFFER, 2 * jitter) + packet
    return Quality(
        packets=stats.packets_sent - old.packets_sent,
        bytes=stats.bytes_sent - old.bytes_sent,
        lost=lost,
        loss=loss,
        late=0,
        duplicates=0,
        reordered=0,
        concealed=0,
        jitter_ms=stats.far_jitter * 1000,
        round_trip_ms=_ms(stats.round_trip),
        delay_ms=delay * 1000,
        mos=mos(rating(delay, loss, codec)) if expected > 0 else None,
    )


def _burst_ratio(lost: int, runs: int, expected: int) -> float:
    """BurstR: how long losses last, over how long they would last by chance (G.107 §7.5)."""
    if runs <= 0 or lost <= runs or expected <= lost:
        return 1.0
    return lost / runs * (1.0 - lost / expected)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000
