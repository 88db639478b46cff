"""What Telegram sends again is acknowledged again, and taken once.

Telegram repeats, under its old number, what it has no acknowledgement of. Telethon (1.45) knows a
repeat by the number of the packet alone: in a container a message comes in twice, and a repeat is
never acknowledged.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Any

from telethon.tl.core import GzipPacked

MOST_REMEMBERED = 1000
"""Messages; Telegram itself remembers fewer."""


def take_once(sender: Any) -> None:
    """Mend one of Telethon's senders, before it connects."""
    seen: OrderedDict[tuple[int, int], None] = OrderedDict()
    process, state = sender._process_message, sender._state
    state._recent_remote_ids = deque(maxlen=0)  # else repeats would end there, unacknowledged

    async def take(message: Any) -> None:
        # numbers are a session's own; what is unpacked comes here a second time
        number = (state.id, message.msg_id)
        if number in seen:
            sender._pending_ack.add(message.msg_id)
            return
        if not isinstance(message.obj, GzipPacked):
            seen[number] = None
            if len(seen) > MOST_REMEMBERED:
                seen.popitem(last=False)
        await process(message)

    sender._process_message = take
