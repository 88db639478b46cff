"""Signalling over SCTP: versions 11.0.0 and later (design: §4 of the wire protocol, RFC 9260).

One association without DTLS, its packets as they are in phone.sendSignalingData; each message in it
is sealed. The SCTP is aiortc's. Its coroutines wait for nothing here, since what they send is taken
at once; so they are run where they are called, and no task is left behind.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from typing import Any

from aiortc import rtcsctptransport as sctp
from aiortc.utils import uint32_gte

from siptg.telegram.signalling.channel import SCTP_PORTS, Deliver, Emit
from siptg.telegram.signalling.chunks import are_sound
from siptg.telegram.signalling.cipher import SignallingCipher
from siptg.telegram.signalling.gate import Gate
from siptg.telegram.signalling.memory import Memory
from siptg.telegram.signalling.zipped import unzipped, zipped

log = logging.getLogger(__name__)

PORT, STREAM, BINARY = 5000, 0, 53
FIRST_RTO, LONGEST_T1, LONGEST_RTO = 0.4, 0.75, 8.0
"""Seconds until a packet goes again: the first time, at most while the association is set up, at
most later. RFC 9260's three seconds are long where the first packet is lost.
"""
LARGEST_MESSAGE, LARGEST_PACKET = 64 * 1024, 4 * 1024
"""Bytes. Packets of all engines are below 1,200."""
WINDOW = 256 * 1024
"""Bytes of theirs that wait for a message to be whole."""
MOST_CHUNKS, MOST_AHEAD = 512, 512
"""Chunks that wait for others: theirs in pieces, and ours for an acknowledgement; numbers by which
one of theirs may be ahead.
"""
MOST_WAITING = 64
"""Messages that wait for the association."""
MOST_ANSWERS = 32
"""Packets that one of theirs may cause."""
SPOKEN = (
    sctp.InitChunk,
    sctp.InitAckChunk,
    sctp.CookieEchoChunk,
    sctp.CookieAckChunk,
    sctp.DataChunk,
    sctp.SackChunk,
    sctp.HeartbeatChunk,
)
"""All others change nothing. Neither abort nor shutdown ends an association: anybody on the way
could say so, and who ends a call says it to Telegram.
"""


class SctpChannel:
    """A `Channel`. Both ends may begin; what is posted before the association stands waits."""

    def __init__(
        self, cipher: SignallingCipher, caller: bool, emit: Emit, deliver: Deliver
    ) -> None:
        self.counters: Counter[str] = Counter()
        self._cipher, self._emit, self._deliver = cipher, emit, deliver
        self._loop = asyncio.get_running_loop()
        self._gate, self._seen = Gate(), Memory()
        self._counter = 0
        self._answers = 0
        self._waiting: deque[bytes] = deque()
        self._received: list[bytes] = []
        self._closed = False
        self._association = Association(
            "client" if caller else "server", self._send, self._received.append, self.counters
        )
        run(self._association.start(sctp.RTCSctpCapabilities(maxMessageSize=WINDOW), PORT))

    def post(self, text: bytes) -> None:
        """Send a message once the association stands; SCTP repeats it until it came."""
        if self._closed:
            return
        self._counter += 1
        sealed = self._cipher.seal(struct.pack(">I", self._counter) + zipped(text))
        if len(sealed) > LARGEST_MESSAGE:
            self.counters["too_long"] += 1
        elif len(self._waiting) >= MOST_WAITING:
            self.counters["unacknowledged"] += 1
        else:
            self._waiting.append(sealed)
            self._flush()

    def receive(self, packet: bytes) -> None:
        if self._closed:
            return
        if not self._gate.lets(self._loop.time()):
            self.counters["flooded"] += 1
        elif not packet.startswith(SCTP_PORTS):
            self._wonder(packet)
        elif len(packet) > LARGEST_PACKET or not are_sound(packet):
            self.counters["malformed"] += 1
        else:
            self._answers = 0
            try:
                run(self._association._handle_data(packet))
            except Exception as error:
                # aiortc reads lengths and states as they come: struct.error, AssertionError,
                # TypeError, whatever a packet leads it to. The association stays as it was
                self.counters["malformed"] += 1
                log.debug("! an SCTP packet that cannot be used: %r", error)
            self._take()
            self._flush()

    def close(self) -> None:
        self._closed = True
        self._waiting.clear()
        self._association.close()

    def _send(self, packet: bytes) -> None:
        self._answers += 1
        if self._answers > MOST_ANSWERS:
            self.counters["unanswered"] += 1
        elif not self._closed:
            self._emit(packet)

    def _flush(self) -> None:
        """What waits goes out, a message at a time, while the association takes more."""
        while self._waiting and not self._closed and self._association.takes_more:
            self._answers = 0
            run(self._association._send(STREAM, BINARY, self._waiting.popleft()))

    def _take(self) -> None:
        """The messages that have come whole; delivering one may close us."""
        received = self._received.copy()
        self._received.clear()
        for sealed in received:
            body = self._cipher.open(sealed)
            if body is None:
                self.counters["undecryptable"] += 1
                continue
            if not self._seen.add(sealed[:16]):
                self.counters["repeated"] += 1
                continue
            text = unzipped(body[4:])
            if text is None:
                self.counters["bad_gzip"] += 1
            elif not self._closed:
                self._deliver(text)

    def _wonder(self, packet: bytes) -> None:
        """A packet that is not SCTP."""
        if self._cipher.open(packet) is None:
            self.counters["undecryptable"] += 1
            return
        self.counters["other_framing"] += 1
        if self.counters["other_framing"] == 1:
            log.warning(
                "! the other end's signalling is sealed packets, as of versions before 11;"
                " the version agreed on has SCTP"
            )


class _Lower:
    """What aiortc's SCTP wants below itself: the names are those of its DTLS transport."""

    state = "connected"

    def __init__(self, role: str, send: Callable[[bytes], None]) -> None:
        self._role, self._take = role, send

    def _register_data_receiver(self, receiver: object) -> None:
        """Packets are handed over by `_handle_data`."""

    def _unregister_data_receiver(self, receiver: object) -> None:
        """As above."""

    async def _send_data(self, data: bytes) -> None:
        self._take(data)


class Association(sctp.RTCSctpTransport):
    """aiortc's, bounded in what it keeps and believes, and patient in what it sends again."""

    def __init__(
        self,
        role: str,
        send: Callable[[bytes], None],
        received: Callable[[bytes], None],
        counters: Counter[str],
    ) -> None:
        super().__init__(_Lower(role, send))  # type: ignore[arg-type]
        self._told, self._counters = received, counters
        self._rto = FIRST_RTO
        self._advertised_rwnd = WINDOW

    @property
    def stands(self) -> bool:
        return bool(self._association_state == self.State.ESTABLISHED)

    @property
    def takes_more(self) -> bool:
        # before it stands, the other end's verification tag is not known
        return self.stands and len(self._outbound_queue) + len(self._sent_queue) < MOST_CHUNKS

    def close(self) -> None:
        self._sent_queue.clear()
        self._outbound_queue.clear()
        self._set_state(self.State.CLOSED)

    async def _receive(self, stream_id: int, pp_id: int, data: bytes) -> None:
        self._told(data)

    async def _send_chunk(self, chunk: sctp.Chunk) -> None:
        """INIT bears no tag (RFC 9260 §8.5.1), not even when it goes again after theirs has come:
        it would be dropped there, and two ends that both lost an INIT ACK would wait for ever.
        """
        tag = self._remote_verification_tag
        if isinstance(chunk, sctp.InitChunk):
            self._remote_verification_tag = 0
        await super()._send_chunk(chunk)
        self._remote_verification_tag = tag

    async def _receive_chunk(self, chunk: Any) -> None:
        if not isinstance(chunk, SPOKEN):
            self._counters["ignored"] += 1
        elif isinstance(chunk, sctp.InitChunk):
            await self._receive_init(chunk)
        else:
            await super()._receive_chunk(chunk)

    async def _receive_init(self, chunk: Any) -> None:
        """An INIT that comes late or twice changes nothing of what stands (RFC 9260 §5.2.2)."""
        before, tag = self._last_received_tsn, self._remote_verification_tag
        known = before is not None and tag == chunk.initiate_tag
        if self.stands and not known:
            self._counters["ignored"] += 1
            return
        await super()._receive_chunk(chunk)
        if known:
            self._last_received_tsn = before

    async def _receive_data_chunk(self, chunk: Any) -> None:
        last, size = self._last_received_tsn, len(chunk.user_data)
        waiting = self._inbound_streams.get(STREAM)
        if (
            last is None
            or chunk.stream_id != STREAM
            or not 0 < size <= self._advertised_rwnd
            or MOST_AHEAD < (chunk.tsn - last) % sctp.SCTP_TSN_MODULO < sctp.SCTP_TSN_MODULO // 2
            or (waiting is not None and len(waiting.reassembly) >= MOST_CHUNKS)
        ):
            self._counters["ignored"] += 1
            return
        del self._sack_duplicates[MOST_ANSWERS:]
        await super()._receive_data_chunk(chunk)

    async def _receive_sack_chunk(self, chunk: Any) -> None:
        """Acknowledgements of what was never sent are not believed."""
        if uint32_gte(chunk.cumulative_tsn, self._local_tsn):
            self._counters["ignored"] += 1
            return
        gaps, end = [], 0
        for first, last in chunk.gaps:
            if end < first <= last <= len(self._sent_queue):
                gaps.append((first, last))
                end = last
        chunk.gaps = gaps
        await super()._receive_sack_chunk(chunk)

    def _update_rto(self, R: float) -> None:
        super()._update_rto(R)
        if self._srtt is not None and self._rttvar is not None:
            # aiortc's is a second at least
            self._rto = max(FIRST_RTO, min(self._srtt + 4 * self._rttvar, LONGEST_RTO))

    def _t1_expired(self) -> None:
        """Until the call is over: a packet may take five seconds, a reconnect longer."""
        self._rto = min(2 * self._rto, LONGEST_T1)
        if self._t1_chunk is not None:
            run(self._send_chunk(self._t1_chunk))
        self._t1_handle = asyncio.get_running_loop().call_later(self._rto, self._t1_expired)

    def _t3_expired(self) -> None:
        # by half, not to the double as RFC 9260 has it: what is lost here is chance, and nothing
        # is relieved by waiting
        self._rto = min(1.5 * self._rto, LONGEST_RTO)
        super()._t3_expired()


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run to its end what waits for nothing."""
    try:
        work.send(None)
    except StopIteration:
        return
    work.close()
    raise RuntimeError("a coroutine of SCTP waits")
