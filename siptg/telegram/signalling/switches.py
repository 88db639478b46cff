"""Switches that Telegram sets for one call: PhoneCall's custom parameters (design: §1.3 of the wire
protocol). Pure.
"""

from __future__ import annotations

import json

import attrs

LARGEST = 64 * 1024
"""Characters; more is not read."""


@attrs.frozen
class CallSwitches:
    """The same for both ends of a call. What is not said, or not readable, is off."""

    use_mtproto: bool = False
    """No DTLS: sound in the call's own cipher. We do not speak it."""
    standalone_reflectors: bool = False
    """The reflector tags are 1 for the caller and 2 for the callee."""


def read_switches(custom: str) -> CallSwitches:
    """From the JSON of `PhoneCall.custom_parameters`; it never raises."""
    if not 0 < len(custom) <= LARGEST:
        return CallSwitches()
    try:
        said = json.loads(custom)
    except (ValueError, RecursionError):
        return CallSwitches()
    if not isinstance(said, dict):
        return CallSwitches()
    return CallSwitches(
        said.get("network_use_mtproto") is True,
        said.get("network_standalone_reflectors") is True,
    )
