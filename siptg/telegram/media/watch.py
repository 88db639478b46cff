"""Whether the other end still lives and is to be heard: what a call tells of it, and when. Pure."""

from __future__ import annotations

import enum

import attrs

SILENT_AFTER = 5.0
"""Seconds without any packet. A peer that is muted sends no sound, but asks for consent: ours every
two seconds at the latest, ntgcalls every 2.5."""
NO_SOUND_AFTER = 10.0
"""Seconds without a packet of sound ever, while she is not muted."""


class Told(enum.Enum):
    SILENT = "no packet of any kind for a while; told again each such while"
    BACK = "packets come again"
    NO_SOUND = "the path stands, but no sound ever came; told once"


@attrs.define(eq=False)
class Watch:
    """`look` about once a second, from the moment the path stands."""

    _since: float
    _told: float = attrs.field(init=False)
    """When silence was told last, or the path began."""
    _silent: bool = False
    _wondering: bool = True
    """No sound came yet."""

    def __attrs_post_init__(self) -> None:
        self._told = self._since

    def look(self, now: float, heard: float, sounds: int, muted: bool) -> Told | None:
        """`heard` is when the last packet of any kind came, `sounds` how many of sound did."""
        if now - heard >= SILENT_AFTER:
            if now - self._told >= SILENT_AFTER:
                self._told, self._silent = now, True
                return Told.SILENT
            return None
        if self._silent:
            self._silent = False
            self._since = now
            return Told.BACK
        if not self._wondering:
            return None
        if sounds:
            self._wondering = False
        elif muted:
            self._since = now  # it counts from when she wants to be heard
        elif now - self._since >= NO_SOUND_AFTER:
            self._wondering = False
            return Told.NO_SOUND
        return None
