"""One request outside of any dialog, and its answer: OPTIONS, MESSAGE (RFC 3261 §11, RFC 3428)."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from siptg.sip.auth import Client as DigestClient
from siptg.sip.flow import Flow
from siptg.sip.message import Request, Response
from siptg.sip.usages.answers import is_stale, with_credentials
from siptg.sip.usages.core import Core

MOST_CHALLENGES = 3


@attrs.frozen
class Reply:
    """What came of it."""

    status: int
    reason: str
    response: Response | None = None
    """None where nobody answered: 408, or the transport failed: 503."""


@attrs.define(eq=False)
class Single:
    """`done` is told once."""

    core: Core
    flow: Flow
    request: Request
    digest: DigestClient | None
    done: Callable[[Reply], None]
    _challenges: int = 0
    _challenged: int = 0

    def start(self, now: float) -> None:
        self.core.start(self.request, self, self.flow, now)

    def response(self, response: Response, now: float) -> None:
        if response.status < 200:
            return
        if response.status in (401, 407) and self.digest is not None:
            again = self._again(response)
            if again is not None:
                self.request = again
                self.start(now)
                return
        self.done(Reply(response.status, response.reason, response))

    def failed(self, status: int, why: str, now: float) -> None:
        self.done(Reply(status, why))

    def _again(self, response: Response) -> Request | None:
        self._challenges += 1
        refused = response.status == self._challenged and not is_stale(response)
        self._challenged = response.status
        if refused or self._challenges > MOST_CHALLENGES or self.digest is None:
            return None
        return with_credentials(self.request, response, self.digest)
