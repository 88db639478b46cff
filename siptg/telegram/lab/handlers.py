"""Which function answers which query."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

Handler = Callable[[Any, Any], Any | Awaitable[Any]]
"""(link, query) → what the client gets, or a coroutine that gives it; `Refused` for an error."""

HANDLERS: dict[type, Handler] = {}


def handles(*queries: type) -> Callable[[Handler], Handler]:
    """`@handles(fn.messages.SendMessageRequest)`."""

    def register(function: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(queries, function))
        return function

    return register
