"""One RTP session of two parties (RFC 3550 §3): what we hear, what we say, and the reports of both.

A SIP call's stream and a Telegram call's audio are both made of it; they differ in how packets come
and go. Pure: packets leave by two functions, `now` is an argument.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence

import attrs
import numpy as np

from siptg.rtp.audio import FRAME_SECONDS, Frame, Samples, silence
from siptg.rtp.codecs import Codec
from siptg.rtp.codecs.lengths import ticks_of
from siptg.rtp.digits.events import DtmfReceiver
from siptg.rtp.digits.tones import ToneReceiver
from siptg.rtp.digits.ways import Digits, Way
from siptg.rtp.effort import Effort
from siptg.rtp.outbound import Outbound
from siptg.rtp.packet import RtpPacket
from siptg.rtp.playout.playout import Playout
from siptg.rtp.rtcp.reports import Reports
from siptg.rtp.rtcp.sender import Chance
from siptg.rtp.sounds.noise import ComfortNoise, Noise
from siptg.rtp.sounds.resample import Resampler
from siptg.rtp.stats import StreamStats

CHORES_EVERY = 0.5
"""Seconds between looks at what is not for each beat: reports, keys let go, loss."""
SURELY_FIRST_ROUND = 1 << 14
"""Packets: numbers begin in the lower half, and not so many are missing among those carried."""
_HEAD = struct.Struct(">HII").unpack_from
_new = tuple.__new__


@attrs.frozen
class Hearing:
    """What may come, by payload type."""

    codecs: Mapping[int, Codec]
    """The first is heard from the beginning; they may change to another one at any time."""
    events: Mapping[int, int] = attrs.field(factory=dict)
    """Of telephone-event, to its clock rate."""
    noise: frozenset[int] = frozenset()
    """Of comfort noise (RFC 3389)."""


class RtpSession:
    """`receive` and `receive_rtcp` what comes; once a beat `read` and `write` a frame, or `pull`
    and `carry` a packet.
    """

    def __init__(
        self,
        send: Callable[[bytes], None],
        send_rtcp: Callable[[bytes], None],
        chance: Chance,
        now: float,
        *,
        effort: Effort | None = None,
        bandwidth: float = 64_000.0,
        reduced: bool = False,
    ) -> None:
        """`bandwidth`, in bits a second, and `reduced` say how often reports go out (§6.2)."""
        self.stats = StreamStats()
        self.reports = Reports.join(chance, now, bandwidth=bandwidth, reduced=reduced)
        self.outbound = Outbound(
            send,
            self.reports.sources.sender,
            sequence=chance.getrandbits(15),
            timestamp=chance.getrandbits(31),
            effort=effort,
        )
        self.digits = Digits()
        self.on_digit: Callable[[str], None] | None = None
        self.heard = float("-inf")
        """When the last good packet came, of whatever kind."""
        self.codec: Codec | None = None
        """That is heard."""
        self.playout: Playout | None = None
        self.tones: ToneReceiver | None = None
        """Listens for keys in the audio, where they can come by no other way."""
        self._send_rtcp = send_rtcp
        self._rate = 8000
        self._fit: Resampler | None = None
        """Where the codec heard does not speak at our rate."""
        self._overheard: tuple[Codec, Playout] | None = None
        """What is carried, decoded beside."""
        self._overheard_at = now
        self._past = 0, 0
        """Late packets and concealed frames of codecs before."""
        self._hearing = Hearing({})
        self._type = -1
        self._keys = DtmfReceiver()
        self._believed = self.reports.sources.receive
        self._noise: ComfortNoise | None = None
        self.chores_at = now
        self._chance = chance
        self._told_by_far = 0

    @property
    def rate(self) -> int:
        return self._rate

    @property
    def ssrc(self) -> int:
        return self.reports.sources.sender.ssrc

    def hear(self, hearing: Hearing, rate: int) -> None:
        """What comes from now on, read at that rate. What is heard already goes on without a break
        where it may.
        """
        self._hearing = hearing
        if self._type not in hearing.codecs or hearing.codecs[self._type] is not self.codec:
            self._listen_to(next(iter(hearing.codecs), None))
        self.tune(rate)

    def tune(self, rate: int) -> None:
        """Another audio rate; a codec that does not speak at it is resampled. ValueError for one
        that nobody can make.
        """
        codec, playout = self.codec, self.playout
        if codec is not None and playout is not None:
            spoken = rate if rate in codec.rates else codec.rates[0]
            if self._fit is None or (self._fit.source, self._fit.rate) != (spoken, rate):
                self._fit = Resampler(spoken, rate) if spoken != rate else None
            if spoken != playout.rate:
                playout.change(codec.decoder(spoken))
                if self._noise is not None:
                    self._noise.tune(spoken)
        self._rate = rate

    def _listen_to(self, payload_type: int | None) -> None:
        before, playout = self.codec, self.playout
        codec = None if payload_type is None else self._hearing.codecs[payload_type]
        self._type, self.codec = -1 if payload_type is None else payload_type, codec
        if before is codec:
            return
        if playout is not None:
            late, concealed = self._past
            self._past = late + playout.buffer.late, concealed + playout.concealed
        if codec is None:
            self.playout = None
            return
        self.reports.sources.tune(codec.clock_rate)
        spoken = self._rate if self._rate in codec.rates else codec.rates[0]
        self.playout = Playout(codec.decoder(spoken), codec.clock_rate, ticks_of=ticks_of(codec))
        if self._noise is not None:
            self._noise.tune(spoken)
            self.playout.fill = self._fill
        self.tune(self._rate)

    def rekeyed(self) -> None:
        """Our key is another one. Under it a rollover counter begins at 0, but not with every peer:
        what has gone round, or may have, takes another SSRC, of which all know that (RFC 3711
        §3.3.1).
        """
        sender = self.reports.sources.sender
        if sender.packets >= SURELY_FIRST_ROUND:
            sender.renew(self._chance)

    # packets, decrypted

    def receive(self, data: bytes, arrived: float) -> bool:
        """An RTP packet; False where it is none of this call's."""
        if len(data) > 12 and data[0] == 0x80:
            kind = data[1]
            sequence, timestamp, ssrc = _HEAD(data, 2)
            packet = _new(
                RtpPacket, (kind & 0x7F, sequence, timestamp, ssrc, data[12:], kind > 127)
            )
        else:
            try:
                packet = RtpPacket.parse(data)
            except ValueError:
                self.stats.garbage += 1
                return False
            kind, sequence, timestamp, ssrc = packet[:4]
            if not packet[4] and kind in self._hearing.codecs:
                return self._receive_nothing(packet, arrived)
        if kind & 0x7F != self._type and not self._known(kind & 0x7F):
            self.stats.garbage += 1
            return False
        if not self._believed(ssrc, sequence, timestamp, arrived):
            return False
        self.heard = arrived
        stats = self.stats
        stats.packets_received += 1
        stats.bytes_received += len(data)
        if kind & 0x7F == self._type:
            self.playout.push(packet, arrived)  # type: ignore[union-attr]
        else:
            self._other(packet, arrived)
        return True

    def _receive_nothing(self, packet: RtpPacket, arrived: float) -> bool:
        """A packet without sound, all padding perhaps: it keeps a NAT open, or tries how much goes
        through. Its number is not missed.
        """
        _, sequence, timestamp, ssrc, _, _ = packet
        if not self._believed(ssrc, sequence, timestamp, arrived):
            return False
        self.heard = arrived
        self.stats.packets_received += 1
        if self.playout is not None:
            self.playout.buffer.aside(sequence)
        return True

    def receive_rtcp(self, data: bytes, arrived: float) -> None:
        reports = self.reports
        before = reports.received
        reports.receive(data, arrived)
        if reports.received != before:
            self.heard = arrived

    def _known(self, payload_type: int) -> bool:
        hearing = self._hearing
        return (
            payload_type in hearing.codecs
            or payload_type in hearing.events
            or payload_type in hearing.noise
        )

    def _other(self, packet: RtpPacket, arrived: float) -> None:
        """A key, comfort noise, or the first packet of another codec."""
        hearing, playout = self._hearing, self.playout
        if playout is not None and packet.payload_type not in hearing.codecs:
            playout.buffer.aside(packet.sequence)  # a number that no sound has is not lost
        if packet.payload_type in hearing.events:
            keys = self._keys
            keys.clock_rate = hearing.events[packet.payload_type]
            pressed = keys.receive(packet, arrived)
            if pressed:
                self.pressed(pressed, Way.RFC4733, arrived)
        elif packet.payload_type in hearing.noise:
            self._hear_noise(packet.payload)
        else:
            self._listen_to(packet.payload_type)
            if self.playout is not None:
                self.playout.push(packet, arrived)

    def _hear_noise(self, payload: bytes) -> None:
        if not payload:
            self.stats.garbage += 1
            return
        if self._noise is None:
            playout = self.playout
            rate = self._rate if playout is None else playout.rate
            self._noise = ComfortNoise(rate, self._chance.random)
            if playout is not None:
                playout.fill = self._fill
        self._noise.set(Noise.parse(payload))

    def _fill(self, samples: int) -> Samples:
        """What their line sounds like where they say nothing."""
        noise = self._noise
        return noise.read()[:samples] if noise is not None else np.zeros(samples, np.int16)

    def knows(self, data: bytes) -> bool:
        """Whether a packet is one that this call expects, before its source is believed."""
        return self._known(data[1] & 0x7F)

    def pressed(self, symbols: str, way: Way, now: float) -> None:
        """Keys came by some way; each is told once, though it may come by two."""
        for symbol in self.digits.heard(way, symbols, now):
            if self.on_digit is not None:
                self.on_digit(symbol)

    def press(self, digits: str, way: Way = Way.RFC4733) -> None:
        """Keys to the other end, in the RTP stream; ValueError for what is none."""
        if way is Way.INBAND:
            self.outbound.sing(digits)
        else:
            self.outbound.keys.press(digits)

    # the beat

    def read(self, now: float) -> Frame:
        """The next 20 ms that they said."""
        playout = self.playout
        if playout is None:
            return silence(self._rate)
        frame = playout.read(now)
        if self._fit is not None:
            frame = self._fit(frame)
        if self.tones is not None:
            key = self.tones.receive(frame)
            if key is not None:
                self.pressed(key, Way.INBAND, now)
            if self.tones.tone:  # it is told as a key, and must not be heard as a second one
                return silence(self._rate)
        return frame

    def pull(self, now: float) -> Sequence[RtpPacket]:
        """What they said in the next 20 ms, in packets as they came."""
        playout = self.playout
        first = playout.pull(now) if playout is not None else None
        if first is None or playout is None:
            return ()
        if playout.buffer.ahead >= 0:
            return (first,)  # the beat is full
        packets = [first]
        while (packet := playout.pull(now)) is not None:
            packets.append(packet)
        return packets

    def write(self, frame: Frame, now: float) -> None:
        self.outbound.write(frame, now)

    def carry(self, packets: Sequence[RtpPacket], now: float) -> None:
        self.outbound.carry(packets, now)

    def overhear(self, packets: Sequence[RtpPacket], now: float) -> Frame:
        """20 ms of what was pulled, for who listens while packets are carried; a little later than
        it is carried, so that gaps can be mended.
        """
        codec, playout = self.codec, self.playout
        if codec is None or playout is None:
            return silence(self._rate)
        spoken, overheard = playout.rate, self._overheard
        if (
            overheard is None
            or now - self._overheard_at > 3 * FRAME_SECONDS
            or (overheard[0], overheard[1].rate) != (codec, spoken)
        ):
            ears = Playout(codec.decoder(spoken), codec.clock_rate, ticks_of=ticks_of(codec))
            overheard = self._overheard = codec, ears
        self._overheard_at = now
        ears = overheard[1]
        for packet in packets:
            ears.push(packet, now)
        frame = ears.read(now)
        return frame if self._fit is None else self._fit(frame)

    @property
    def between_packets(self) -> bool:
        return self.playout is None or self.playout.whole

    def past(self) -> Frame | None:
        return self.playout.past() if self.playout is not None else None

    # beside the beat

    def chores(self, now: float, wallclock: float) -> None:
        """Due at `chores_at`: RTCP where it is time for it, and what the far end said of loss."""
        self.chores_at = now + CHORES_EVERY
        reports = self.reports
        while now >= reports.deadline():
            data = reports.tick(now, wallclock)
            if not data:
                break
            self._send_rtcp(data)
        far = reports.far
        if far.reports != self._told_by_far:
            self._told_by_far = far.reports
            if far.block is not None:
                self.outbound.loss(far.block.fraction_lost * 100 // 256)

    def leave(self, now: float, wallclock: float) -> None:
        """Say BYE (RFC 3550 §6.3.7)."""
        data = self.reports.bye(now, wallclock)
        if data:
            self._send_rtcp(data)

    def counted(self) -> StreamStats:
        """What is known now."""
        stats, sender = self.stats, self.reports.sources.sender
        self.reports.count(stats)
        packets, octets = sender.past
        stats.packets_sent, stats.bytes_sent = packets + sender.packets, octets + sender.octets
        playout = self.playout
        stats.late, stats.concealed = self._past
        if playout is not None:
            stats.late += playout.buffer.late
            stats.concealed += playout.concealed
            stats.buffered = playout.buffer.delay
        return stats
