"""Lines: SIP accounts that are registered and stay so, each watched for its person."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from types import TracebackType
from typing import Self

import attrs

from siptg.app.causes import Cause, cause_of_status
from siptg.app.config import LineConfig
from siptg.app.desk import Refused
from siptg.app.numbers import Wish
from siptg.app.sip_leg import SipLeg
from siptg.phone import Incoming, Phone
from siptg.rtp.clock import MediaClock
from siptg.sip.errors import SipError
from siptg.sip.registration import RegistrationState

log = logging.getLogger(__name__)


@attrs.define(eq=False)
class Line:
    """One SIP account: its phone, and how it stands with the PBX."""

    config: LineConfig
    phone: Phone
    state: RegistrationState = RegistrationState.TRYING
    why: str = ""
    """The PBX's last word, as `403 Forbidden`."""

    @property
    def name(self) -> str:
        return self.config.name

    async def dial(self, wish: Wish) -> SipLeg:
        """Call a party; Refused where the line cannot even begin."""
        if self.state is RegistrationState.REFUSED:
            status = self.why.partition(" ")[0]
            known = cause_of_status(int(status)) if status.isdigit() else Cause.FORBIDDEN
            cause = Cause.WRONG_LOGIN if known is Cause.FORBIDDEN else known
            raise Refused(cause, self.why)
        try:
            return SipLeg(await self.phone.dial(wish.target))
        except (SipError, ValueError) as error:
            raise Refused(Cause.UNKNOWN_NUMBER, str(error)) from None
        except OSError as error:
            raise Refused(Cause.UNREACHABLE, error.strerror or str(error)) from None


class Lines:
    """All lines of the house: `async with Lines(configs, clock) as lines`."""

    def __init__(
        self,
        configs: Iterable[LineConfig],
        clock: MediaClock,
        *,
        changed: Callable[[Line], None],
        called: Callable[[Line, Incoming], None],
    ) -> None:
        self.lines = [Line(config, phone_of(config, clock)) for config in configs]
        self._changed, self._called = changed, called
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            for line in self.lines:
                await stack.enter_async_context(line.phone)
            stack.pop_all()
        for line in self.lines:
            for work in (self._watch(line), self._take_calls(line)):
                self._tasks.append(asyncio.create_task(work, name=f"line {line.name}"))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # the phones leave side by side: a PBX that is gone must not keep the others waiting
        await asyncio.gather(
            *(line.phone.__aexit__(kind, error, trace) for line in self.lines),
            return_exceptions=True,
        )

    def __iter__(self) -> Iterator[Line]:
        return iter(self.lines)

    async def _watch(self, line: Line) -> None:
        registration = line.phone.registration
        if registration is None:
            return
        async for state in _with_first(registration.state, registration.changes()):
            line.state, line.why = state, registration.why
            log.info("= line %s is %s %s", line.name, state.value, line.why)
            self._changed(line)

    async def _take_calls(self, line: Line) -> None:
        async for call in line.phone.incoming():
            self._called(line, call)


async def _with_first(
    first: RegistrationState, changes: AsyncIterator[RegistrationState]
) -> AsyncIterator[RegistrationState]:
    yield first
    async for state in changes:
        yield state


def phone_of(config: LineConfig, clock: MediaClock) -> Phone:
    """The phone that a line describes."""
    host, _, port = (config.listen or "").rpartition(":")
    return Phone(
        config.address,
        password=config.password,
        username=config.username,
        proxy=config.proxy,
        expires=config.expires,
        listen=(host, int(port)) if host else None,
        codecs=config.codecs,
        encryption=config.encryption.lower(),
        dtmf=[way.lower() for way in config.dtmf],
        clock=clock,
    )
