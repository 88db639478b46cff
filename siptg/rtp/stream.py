"""One call's audio on the network: socket, jitter buffer, codec, keys, as an `AudioPort`."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable, Sequence
from typing import cast

from siptg.rtp.audio import Frame, silence
from siptg.rtp.codecs import CODECS, Codec, Encoder
from siptg.rtp.dtmf import DtmfReceiver, DtmfSender
from siptg.rtp.offer import Direction, MediaTerms, Negotiator
from siptg.rtp.packet import RtpPacket, is_rtcp
from siptg.rtp.playout import Playout
from siptg.rtp.stats import StreamStats

log = logging.getLogger(__name__)

SILENT_BEFORE_MOVE = 1.0
"""Seconds without a packet after which another source is believed (symmetric RTP, RFC 4961)."""
DEFAULT_CODECS = ("PCMU", "PCMA", "opus")


class MediaStream(asyncio.DatagramProtocol):
    """A telephone's mouth and ear. It fits signalling's `Media` by its shape: offer, answer,
    accept.
    """

    def __init__(self, codecs: Sequence[Codec], seed: int | None = None) -> None:
        chance = random.SystemRandom() if seed is None else random.Random(seed)
        self.stats = StreamStats()
        self.on_digit: Callable[[str], None] | None = None
        self.on_hold: Callable[[bool], None] | None = None
        self._chance_session, self._chance = chance.getrandbits(62), chance.randbytes
        self._ssrc, self._sequence = chance.getrandbits(32), chance.getrandbits(15)
        self._timestamp = chance.getrandbits(31)
        self._codecs = list(codecs)
        self._negotiator: Negotiator
        self._transport: asyncio.DatagramTransport | None = None
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._codec: Codec | None = None
        self._rate = self._codecs[0].rates[0] if self._codecs[0].name != "opus" else 8000
        self._encoder: Encoder | None = None
        self._playout: Playout | None = None
        self._keys, self._heard_keys = DtmfSender(), DtmfReceiver()
        self._remote: tuple[str, int] | None = None
        self._remote_heard = 0.0
        self._talking = False
        self._held = False

    @classmethod
    async def open(
        cls,
        host: str,
        *,
        codecs: Iterable[str] = DEFAULT_CODECS,
        ports: range | None = None,
        seed: int | None = None,
    ) -> MediaStream:
        """Bind a socket: an even port of `ports` that is free, else the kernel's choice.

        ValueError for an unknown codec, OSError where no port is to be had.
        """
        unknown = [name for name in codecs if name.lower() not in CODECS]
        if unknown:
            raise ValueError(f"unknown codec {unknown[0]!r}")
        chosen = [CODECS[name.lower()] for name in codecs]
        loop = asyncio.get_running_loop()
        candidates = [p for p in ports or () if p % 2 == 0] or [0]
        random.shuffle(candidates)
        for port in candidates:
            try:
                _, stream = await loop.create_datagram_endpoint(
                    lambda: cls(chosen, seed), (host, port)
                )
            except OSError:
                if port == candidates[-1]:
                    raise
                continue
            return stream
        raise OSError("no ports to try")

    @property
    def address(self) -> tuple[str, int]:
        return self._negotiator.host, self._negotiator.port

    @property
    def codec_name(self) -> str | None:
        """Of what was agreed."""
        return self._codec.name if self._codec else None

    @property
    def held_by_remote(self) -> bool:
        return self._held

    # offer and answer: ValueError (SdpError) where nothing fits

    def offer(self) -> bytes:
        return self._negotiator.offer()

    def answer(self, offer: bytes) -> bytes:
        self._negotiator.refused()  # signalling settles glare: ours has failed if one waits
        answer = self._negotiator.answer(offer)
        self._agree()
        return answer

    def accept(self, answer: bytes) -> None:
        self._negotiator.accept(answer)
        self._agree()

    def hold(self, on: bool) -> None:
        """What our next offer says: hold the other end, or take it back."""
        self._negotiator.direction = Direction.SENDONLY if on else Direction.SENDRECV

    # the beat

    @property
    def rate(self) -> int:
        return self._rate

    def tune(self, rate: int) -> None:
        """Opus follows; ValueError where the codec has one rate."""
        codec = self._codec or self._codecs[0]
        if rate not in codec.rates:
            raise ValueError(f"{codec.name} does not speak at {rate}")
        if rate != self._rate:
            self._rate = rate
            self._make_codec()

    def read(self) -> Frame:
        if self._playout is None:
            return silence(self._rate)
        frame = self._playout.read(time.monotonic())
        self.stats.concealed = self._playout.concealed
        self.stats.lost, self.stats.late = self._playout.buffer.lost, self._playout.buffer.late
        return frame

    def write(self, frame: Frame) -> None:
        agreed, codec = self._negotiator.agreed, self._codec
        if agreed is None or codec is None or self._encoder is None:
            return
        ticks = codec.clock_rate // 50
        if self._keys.busy and agreed.event_type is not None:
            key = self._keys.next(self._timestamp)
            if key is not None:
                stamp, payload, marker = key
                self._send(agreed.event_type, stamp, payload, marker)
            self._talking = False
        elif agreed.direction.sends and len(frame) * 50 == self._rate:
            payload = self._encoder.encode(frame)
            self._send(agreed.send_type, self._timestamp, payload, not self._talking)
            self._talking = True
        self._timestamp = (self._timestamp + ticks) & 0xFFFFFFFF

    def press(self, digits: str) -> None:
        """Keys to the other end, 100 ms each; ValueError for what is not a key."""
        self._keys.press(digits)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    # the socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        host, port = transport.get_extra_info("sockname")[:2]
        terms = MediaTerms(self._codecs)
        self._negotiator = Negotiator(terms, host, port, self._chance_session, self._chance)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if is_rtcp(data):
            return
        agreed = self._negotiator.agreed
        try:
            packet = RtpPacket.parse(data)
        except ValueError:
            self.stats.garbage += 1
            return
        is_key = agreed is not None and packet.payload_type in agreed.event_receive
        codec = agreed.receive.get(packet.payload_type) if agreed else None
        if not is_key and (codec is None or codec is not self._codec):
            self.stats.garbage += 1
            return
        now = time.monotonic()
        source = (addr[0], addr[1])
        if not self._believe(source, now):
            self.stats.elsewhere += 1
            return
        self.stats.packets_received += 1
        self.stats.bytes_received += len(data)
        if is_key:
            digit = self._heard_keys.receive(packet)
            if digit is not None and self.on_digit is not None:
                self.on_digit(digit)
        elif self._playout is not None:
            self._playout.push(packet, now)

    def error_received(self, exc: Exception) -> None:
        log.debug("! nobody listens at %s: %s", self._remote, exc)

    def _believe(self, source: tuple[str, int], now: float) -> bool:
        """Symmetric RTP: answer to where sound really comes from; a stranger only after silence."""
        quiet = now - self._remote_heard > SILENT_BEFORE_MOVE
        if source != self._remote and not quiet:
            return False
        self._remote, self._remote_heard = source, now
        return True

    def _send(self, payload_type: int, timestamp: int, payload: bytes, marker: bool) -> None:
        if self._transport is None or self._remote is None:
            return
        packet = RtpPacket(payload_type, self._sequence, timestamp, self._ssrc, payload, marker)
        data = bytes(packet)
        self._transport.sendto(data, self._remote)
        self._sequence = (self._sequence + 1) & 0xFFFF
        self.stats.packets_sent += 1
        self.stats.bytes_sent += len(data)

    def _agree(self) -> None:
        """Take what the negotiation came to."""
        agreed = self._negotiator.agreed
        if agreed is None:
            return
        if agreed.remote != self._remote and agreed.remote[0] != "0.0.0.0":
            self._remote, self._remote_heard = agreed.remote, 0.0
        if self._keys.clock_rate != agreed.event_rate:
            self._keys.clock_rate = agreed.event_rate
        if agreed.codec is not self._codec:
            self._codec = agreed.codec
            if self._rate not in agreed.codec.rates:
                self._rate = agreed.codec.rates[0]
            self._playout = None
            self._make_codec()
        if agreed.held != self._held:
            self._held = agreed.held
            if self.on_hold is not None:
                self.on_hold(agreed.held)

    def _make_codec(self) -> None:
        if self._codec is None:
            return
        self._encoder, decoder = self._codec.encoder(self._rate), self._codec.decoder(self._rate)
        if self._playout is None:
            self._playout = Playout(decoder, self._codec.clock_rate)
        else:
            self._playout.change(decoder)
