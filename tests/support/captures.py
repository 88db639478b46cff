"""Datagrams out of capture files, pcap and pcapng, as they lie beside the repository."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machines import ROOT

Datagram = tuple[float, bytes]
"""When it was caught, in seconds, and what it carried."""


def capture(name: str) -> Path:
    """Skips where the captures are not here, fails where CI must have them."""
    shared = Path(os.environ.get("SIPTG_SHARED") or ROOT.parent / "shared")
    found = shared / "data" / "pcaps" / name
    if not found.is_file():
        must = os.environ.get("CI") == "true" and shared.is_dir()
        (pytest.fail if must else pytest.skip)(f"no capture {found}")
    return found


def datagrams(path: Path) -> Iterator[Datagram]:
    """What UDP over IPv4 over Ethernet carried."""
    data = path.read_bytes()
    frames = _pcapng(data) if data[:4] == b"\n\r\r\n" else _pcap(data)
    for when, frame in frames:
        if frame[12:14] == b"\x08\x00" and frame[23] == 17:
            start = 14 + 4 * (frame[14] & 15)
            length = struct.unpack_from(">H", frame, start + 4)[0]
            yield when, frame[start + 8 : start + length]


def _pcap(data: bytes) -> Iterator[Datagram]:
    assert data[:4] == b"\xd4\xc3\xb2\xa1", "microseconds, little-endian"
    at = 24
    while at < len(data):
        seconds, micro, size = struct.unpack_from("<III", data, at)
        yield seconds + micro / 1e6, data[at + 16 : at + 16 + size]
        at += 16 + size


def _pcapng(data: bytes) -> Iterator[Datagram]:
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        if kind == 6:  # an enhanced packet block; its times are microseconds
            high, low, size = struct.unpack_from("<III", data, at + 12)
            yield (high << 32 | low) / 1e6, data[at + 28 : at + 28 + size]
        at += length
