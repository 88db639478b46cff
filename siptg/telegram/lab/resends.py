"""When what a client does not acknowledge goes again on the same connection. Pure.

core.telegram.org/mtproto/service_messages_about_messages leaves the times to the server. Assumed,
not known of Telegram: 15 s, then 30 s, then 60 s; after that it goes only when the client returns
or asks. Simpler than Telegram: it goes whole, whatever its size, with no msg_detailed_info before.
"""

from __future__ import annotations

from collections.abc import Container

import attrs

MOST_WAITED_FOR = 500
"""Messages of a connection; a session remembers no more than that."""


@attrs.frozen
class Patience:
    """How long acknowledgements are waited for; `Lab.patience` holds for new connections."""

    first: float = 15.0
    """Seconds."""
    times: int = 3
    """So often a message goes again; each wait is twice the one before."""

    def wait(self, gone: int) -> float:
        """Seconds after a message has gone for the nth time."""
        return self.first * 2.0 ** (gone - 1)


class Resends:
    """The messages of one connection; `now` is in seconds that only grow."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._due: dict[int, tuple[float, int]] = {}
        """Message id → when it is due again, how often it has gone."""

    @property
    def next(self) -> float | None:
        """When to ask `due` again; None where nothing is waited for."""
        return min((at for at, _ in self._due.values()), default=None)

    def went(self, msg_id: int, now: float) -> None:
        """A message that is to be acknowledged goes just now."""
        gone = self._due.pop(msg_id, (0.0, 0))[1] + 1
        if gone <= self._patience.times:
            self._due[msg_id] = now + self._patience.wait(gone), gone
            if len(self._due) > MOST_WAITED_FOR:
                del self._due[next(iter(self._due))]

    def due(self, unacked: Container[int], now: float) -> list[int]:
        """What is to go again, in order; each is told to `went` when it does. What was
        acknowledged meanwhile is forgotten.
        """
        self._due = {n: waits for n, waits in self._due.items() if n in unacked}
        return sorted(n for n, (at, _) in self._due.items() if at <= now)
