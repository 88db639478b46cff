"""Tests in a network namespace of their own: libwebrtc ignores loopback, raw sockets want root.

A test marked `netns` runs itself once more, alone, inside `netns.sh`; its outcome there is reported
as its own. Inside it finds 10.77.0.1 and 10.77.1.1, and sees no other interface of the machine.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Self

import pytest

SCRIPT = Path(__file__).with_name("netns.sh")
MARK = "SIPTG_INSIDE_NETNS"
ADDRESSES = "10.77.0.1", "10.77.1.1"
SIX = "fd77::1", "fd77:1::1"
"""Of IPv6, once `take_ipv6` was called."""
PYTEST = (sys.executable, "-m", "pytest", "-q", "-rs", "--no-header", "-p", "no:cacheprovider")


def inside() -> bool:
    return MARK in os.environ


@functools.cache
def why_not() -> str:
    """Why this machine has no namespaces for us; "" where it has."""
    try:
        tried = subprocess.run([SCRIPT, "true"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return tried.stderr.strip() or f"exit {tried.returncode}" if tried.returncode else ""


def take_ipv6(*, only: bool = False) -> None:
    """Inside: from now on there are addresses of IPv6, and with `only` no others."""
    for device, address in zip(("va", "vb"), SIX, strict=True):
        command = ["ip", "addr", "add", f"{address}/64", "dev", device, "nodad"]
        subprocess.run(command, check=True)
        if only:
            subprocess.run(["ip", "-4", "addr", "flush", "dev", device], check=True)


class FailedInside(Exception):
    """Carries what pytest said in the namespace."""


class InNamespace(pytest.Item):
    """One test, run inside."""

    @classmethod
    def around(cls, item: pytest.Item) -> Self:
        if item.parent is None:
            raise LookupError(f"{item.nodeid} belongs to no module")
        own = cls.from_parent(item.parent, name=item.name)
        own.own_markers = list(item.iter_markers())
        return own

    def runtest(self) -> None:
        if reason := why_not():
            pytest.skip(f"no network namespace (root, or user namespaces and iproute2): {reason}")
        done = subprocess.run(
            [SCRIPT, *PYTEST, self.nodeid],
            cwd=self.config.rootpath,
            env={**os.environ, MARK: "1"},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise FailedInside(done.stdout + done.stderr)
        if skipped := re.search(r"^SKIPPED \[\d+\] \S+ (.*)", done.stdout, re.M):
            pytest.skip(skipped[1])

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None
    ) -> str:
        if isinstance(excinfo.value, FailedInside):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, self.nodeid
