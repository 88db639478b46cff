"""A flow as transactions see it."""

from __future__ import annotations

from collections.abc import Callable

from siptg.sip.flow import Flow
from siptg.sip.routing import Routing

Put = Callable[[Flow, bytes], None]


class FlowWire:
    """Kept for all transactions of a flow, with what their Vias have in common."""

    __slots__ = ("_before", "_behind", "_put", "flow", "reliable")

    def __init__(self, flow: Flow, put: Put) -> None:
        self.flow, self._put, self.reliable = flow, put, flow.reliable
        self._before, self._behind = Routing.via(flow, "\n").split("\n")

    def send(self, data: bytes) -> None:
        self._put(self.flow, data)

    def via(self, branch: str) -> str:
        """The Via of a request that leaves here."""
        return f"{self._before}{branch}{self._behind}"
