"""Who sends and who listens (RFC 3264 §5.1)."""

from __future__ import annotations

import enum


class Direction(enum.Enum):
    """What an end does with media, from its own point of view."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def reverse(self) -> Direction:
        """The same, seen from the other end."""
        other = {Direction.SENDONLY: Direction.RECVONLY, Direction.RECVONLY: Direction.SENDONLY}
        return other.get(self, self)

    @property
    def sends(self) -> bool:
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        return self in (Direction.SENDRECV, Direction.RECVONLY)

    def both(self, wanted: Direction) -> Direction:
        """What is left when one end allows this and the other wants that."""
        sends = self.sends and wanted.sends
        receives = self.receives and wanted.receives
        if sends:
            return Direction.SENDRECV if receives else Direction.SENDONLY
        return Direction.RECVONLY if receives else Direction.INACTIVE
