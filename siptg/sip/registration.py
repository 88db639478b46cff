"""A registration as its user holds it: how it stands, and what it becomes."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from siptg.sip.account import SipAccount
from siptg.sip.usages.registration import RegistrationUsage, State

if TYPE_CHECKING:
    from siptg.sip.agent import UserAgent

CLOSE_WITHIN = 2.0
LOOK_UP_AGAIN = 30.0
"""Seconds after which a registrar without an address is looked up again."""


class RegistrationState(enum.Enum):
    TRYING = "trying"
    READY = "ready"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    CLOSED = "closed"


_SEEN = {
    State.TRYING: RegistrationState.TRYING,
    State.READY: RegistrationState.READY,
    State.REFUSED: RegistrationState.REFUSED,
    State.UNREACHABLE: RegistrationState.UNREACHABLE,
    State.LEAVING: RegistrationState.READY,
    State.CLOSED: RegistrationState.CLOSED,
}


class RegistrationFailed(Exception):
    """The first attempt did not succeed; the text is the registrar's status and reason."""

    def __init__(self, state: RegistrationState, why: str) -> None:
        super().__init__(why or state.value)
        self.state, self.why = state, why


class Registration:
    """Made by `UserAgent.register`; lives until it is closed."""

    def __init__(self, agent: UserAgent, account: SipAccount) -> None:
        self.account = account
        self.state = RegistrationState.TRYING
        self.why = ""
        """Status and reason of the last answer, as `403 Forbidden`."""
        self._agent = agent
        self._usage: RegistrationUsage | None = None
        self._readers: set[asyncio.Queue[RegistrationState]] = set()
        self._waiting: set[asyncio.Future[None]] = set()
        self._task: asyncio.Task[None] | None = None

    def begin(self, wait: float = 0.0) -> None:
        """Register, after `wait` seconds."""
        self._task = asyncio.create_task(
            self._begin(wait), name=f"register {self.account.uri.host}"
        )

    async def ready(self) -> None:
        """Wait until it holds; RegistrationFailed where the registrar refuses or is not reached."""
        while self.state is RegistrationState.TRYING:
            await self._next()
        if self.state is not RegistrationState.READY:
            raise RegistrationFailed(self.state, self.why)

    async def changes(self) -> AsyncIterator[RegistrationState]:
        """Each change from now on, CLOSED last."""
        queue: asyncio.Queue[RegistrationState] = asyncio.Queue()
        self._readers.add(queue)
        try:
            while True:
                state = await queue.get()
                yield state
                if state is RegistrationState.CLOSED:
                    return
        finally:
            self._readers.discard(queue)

    async def close(self) -> None:
        """Take it back: REGISTER with Expires 0, two seconds at most for the answer."""
        if self._task is not None:
            self._task.cancel()
        if self._usage is None:
            self._tell(RegistrationState.CLOSED)
            return
        self._usage.close(self._agent.now())
        self._agent.pump()
        try:
            async with asyncio.timeout(CLOSE_WITHIN):
                while self.state is not RegistrationState.CLOSED:
                    await self._next()
        except TimeoutError:
            self._tell(RegistrationState.CLOSED)

    async def _next(self) -> None:
        """Until something changes."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        try:
            await waiting
        finally:
            self._waiting.discard(waiting)

    async def _begin(self, wait: float) -> None:
        if wait > 0:
            await asyncio.sleep(wait)
        agent = self._agent
        while True:
            try:
                flow, *others = await agent.flows_to(self.account.next_hop)
                break
            except OSError as error:
                self.why = f"{self.account.next_hop.host}: {error.strerror}"
                self._tell(RegistrationState.UNREACHABLE)
                await asyncio.sleep(LOOK_UP_AGAIN)
        self._usage = agent.stack.register(
            self.account, flow, self._look, agent.now(), others=others
        )
        agent.pump()

    def _look(self) -> None:
        usage = self._usage
        if usage is None:
            return
        self.why = usage.why
        self._tell(_SEEN[usage.state])
        if usage.state is State.UNREACHABLE and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._find_again(usage), name="find the registrar")

    async def _find_again(self, usage: RegistrationUsage) -> None:
        """The registrar may have moved, and a lost connection is to be made again."""
        try:
            usage.flow, *usage.others = await self._agent.flows_to(self.account.next_hop)
        except OSError as error:
            self.why = f"{self.account.next_hop.host}: {error.strerror}"

    def _tell(self, state: RegistrationState) -> None:
        if state is self.state:
            return
        self.state = state
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
        for queue in self._readers:
            queue.put_nowait(state)
