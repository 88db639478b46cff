"""Recorded calls and test vectors that lie beside the repository: skipped where they are not."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
ETHERNET, IPV4, UDP = 14, 0x0800, 17


def folder() -> Path:
    """Skips where it is not here, fails where CI must have it."""
    shared = Path(os.environ.get("SIPTG_SHARED") or ROOT.parent / "shared")
    found = shared / "data"
    if not found.is_dir():
        must = os.environ.get("CI") == "true" and shared.is_dir()
        refuse = pytest.fail if must else pytest.skip
        refuse("the recorded calls are not beside this repository (SIPTG_SHARED)")
    return found


def vectors(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder() / "vectors.json").read_text())[name]
    return found


def datagrams(name: str) -> list[bytes]:
    """Payloads of the UDP datagrams over IPv4 and Ethernet of a pcap file, in its order."""
    data = (folder() / "pcaps" / name).read_bytes()
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}[data[:4]]
    assert struct.unpack_from(f"{order}I", data, 20) == (1,), "Ethernet"
    at, found = 24, []
    while at < len(data):
        (length,) = struct.unpack_from(f"{order}I", data, at + 8)
        frame, at = data[at + 16 : at + 16 + length], at + 16 + length
        kind, ip = int.from_bytes(frame[12:14], "big"), frame[ETHERNET:]
        if kind == IPV4 and ip[9] == UDP:
            header = 4 * (ip[0] & 15)
            found.append(ip[header + 8 : header + int.from_bytes(ip[header + 4 : header + 6])])
    return found
