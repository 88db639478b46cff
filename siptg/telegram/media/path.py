"""The path of a call's packets: found once, then changed in flight under the same keys by an ICE
restart (RFC 8445 §9; design: §6.1 of the wire protocol).

Whoever restarts tells new credentials of its own and checks at once against what it knows of the
other end, which need not answer. If it does, by new ones, these belong to the same restart: else
two ends would go on restarting each other for ever.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from siptg.rtp.wire import open_socket
from siptg.telegram.media.ice import CallIce
from siptg.telegram.signalling.negotiation import Restart, Setup

log = logging.getLogger(__name__)

RESTART_WITHIN = 5.0
"""Seconds after which an attempt has failed; a new one sees the addresses that there are then."""
PAUSE = 1.0
"""Seconds from one attempt to the next, whoever wants it."""
MOST_EARLY = 100
"""Candidates kept for a later restart."""


class CallPath:
    """`connect` once, then `keep` as a task. aiortc's DTLS transport stands on it by `role`,
    `_recv` and `_send`.
    """

    def __init__(
        self,
        new: Callable[[], CallIce],
        introduce: Callable[[CallIce], None],
        counters: Counter[str],
        way: Restart = Restart.FREE,
    ) -> None:
        """`new` makes a gathering, `introduce` tells the other end of it; `counters` has
        `restarts` and `candidate_skipped`. `way` says what the other end makes of new credentials.
        """
        self._way = way
        self._answered = asyncio.Event()
        self._new, self._introduce, self._counters = new, introduce, counters
        self.connection = new()
        self.changed: Callable[[CallIce], None] = lambda ice: None
        """Called with each that takes the place of another."""
        self.media_at = 0.0
        """When the last packet came that was no STUN."""
        self._remote: Setup | None = None
        self._known = asyncio.Event()
        self._lines: list[str] = []
        self._pending: CallIce | None = None
        self._wanted, self._stands = asyncio.Event(), asyncio.Event()
        self._up = self._closing = False
        self._asked = self._answering = False
        """Our new credentials may be answered; theirs are being answered."""

    @property
    def heard(self) -> float:
        """When the last packet of the other end came, of whatever kind."""
        return max(self.media_at, self.connection.heard)

    @property
    def role(self) -> str:
        return "controlling" if self.connection.ice_controlling else "controlled"

    # what the other end says of itself

    def take_setup(self, setup: Setup) -> None:
        before, self._remote = self._remote, setup
        self._known.set()
        if before is None or before.ufrag == setup.ufrag:
            return
        self._lines.clear()  # of the old credentials
        if self._up and not self._asked:
            self._answering = True
            self._wanted.set()
            return
        self._asked = False
        self._answered.set()
        ice = self._pending or self.connection
        ice.remote_username, ice.remote_password = setup.ufrag, setup.pwd

    async def take_line(self, line: str) -> None:
        if len(self._lines) < MOST_EARLY:
            self._lines.append(line)
        ice = self._pending or self.connection
        if self._remote is not None and not await ice.add_line(line):
            self._counters["candidate_skipped"] += 1

    async def remote(self) -> Setup:
        """Who the other end is, once it has said so."""
        await self._known.wait()
        assert self._remote is not None
        return self._remote

    # the first time

    async def connect(self, *, first: bool) -> None:
        """ConnectionError where there is no path; `first` of the two to say who we are."""
        ice = self.connection
        await ice.gather_candidates()
        if first:
            self._introduce(ice)
        await self.remote()
        if not first:
            self._introduce(ice)
        await self._join(ice)
        self._up = True
        self._stands.set()

    async def _join(self, ice: CallIce) -> None:
        remote = await self.remote()
        ice.remote_username, ice.remote_password = remote.ufrag, remote.pwd
        for line in self._lines:
            if not await ice.add_line(line):
                self._counters["candidate_skipped"] += 1
        await ice.connect()

    # in flight

    def restart(self) -> None:
        """A new path is wanted; done by `keep` when it is its time."""
        self._wanted.set()

    def is_cut_off(self) -> bool:
        """Whether the address that we send from is no longer ours."""
        pair = self.connection._nominated.get(1)
        if pair is None:
            return False
        port: Any = pair.protocol.transport
        try:
            open_socket((port.here, 0)).close()
        except OSError:
            return True
        return False

    async def keep(self) -> None:
        """Restart as often as it is wanted: one at a time, until it has come to something."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if self._way is Restart.NEVER and not self._answering:
                continue
            self._counters["restarts"] += 1
            if not await self._change():
                # the other end may know no other credentials of ours than the new ones
                self._wanted.set()
            await asyncio.sleep(PAUSE)

    async def _change(self) -> bool:
        ice = self._pending = self._new()
        done = False
        try:
            async with asyncio.timeout(RESTART_WITHIN):
                await ice.gather_candidates()
                if not ice.local_candidates:
                    raise ConnectionError("no address to be reached at")
                self._asked, self._answering = not self._answering, False
                self._answered.clear()
                self._introduce(ice)
                if self._asked and self._way is Restart.ANSWERED:
                    await self._answered.wait()
                await self._join(ice)
                done = True
        except (ConnectionError, OSError) as error:  # a time-out is one as well
            log.debug("! no new path: %s", error or "nobody answered")
        finally:
            self._pending = None
            if not done:
                await ice.close()
        if done:
            old, self.connection = self.connection, ice
            self.changed(ice)
            self._stands.set()
            await old.close()
        return done

    async def close(self) -> None:
        self._closing = True
        self._stands.set()
        await self.connection.close()

    def __str__(self) -> str:
        """What each end has to offer, for the log."""
        ice = self.connection
        ours = ", ".join(sorted({c.type for c in ice.local_candidates})) or "none"
        theirs = ", ".join(sorted({c.type for c in ice.remote_candidates})) or "none"
        return f"our candidates: {ours}; theirs: {theirs}"

    # what aiortc's DTLS transport stands on

    async def _recv(self) -> bytes:
        """ConnectionError only when it is closed: a path that died waits for the next one."""
        while True:
            using = self.connection
            try:
                data: bytes = await using.recv()
            except ConnectionError:
                if self._closing or not self._up:
                    raise
                if using is self.connection:
                    self._stands.clear()
                    self._wanted.set()
                    await self._stands.wait()
                continue
            self.media_at = time.monotonic()
            return data

    async def _send(self, data: bytes) -> None:
        """Dropped where there is no path, as a network would."""
        self.connection.send_now(data)
