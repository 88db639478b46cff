"""This machine, looked at: key, store, disk, libopus, names, ports."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import stat
from collections.abc import Mapping
from pathlib import Path

from siptg.app.config import Config
from siptg.app.doctor.finding import Finding, fault, ok, warning
from siptg.app.store.seal import KEY_VARIABLE

DISK_LOW, DISK_FULL = 500 << 20, 50 << 20
"""Bytes free under which we warn, and under which it is a fault."""


def key_finding(key_file: Path, environment: Mapping[str, str] = os.environ) -> Finding:
    if environment.get(KEY_VARIABLE):
        return ok("key", f"from the environment ({KEY_VARIABLE}); keep a copy elsewhere")
    try:
        mode = stat.S_IMODE(key_file.stat().st_mode)
    except OSError:
        return fault("key", f"{key_file} is missing", "run `siptg login`, which makes it")
    if os.name == "posix" and mode & 0o077:
        return fault(
            "key", f"others may read {key_file} (mode {mode:o})", f"run `chmod 600 {key_file}`"
        )
    return ok("key", f"{key_file} is readable by its owner alone; keep a copy elsewhere")


def store_finding(path: Path) -> Finding:
    if not path.exists():
        return fault("store", f"{path} is missing", "run `siptg login`, which makes it")
    if not os.access(path, os.W_OK):
        return fault("store", f"{path} cannot be written", "run siptg as the user that owns it")
    return ok("store", f"{path}, {path.stat().st_size >> 10} kB")


def disk_finding(free: int, folder: Path) -> Finding:
    told = f"{free / (1 << 30):.1f} GB free in {folder}"
    if free < DISK_FULL:
        return fault("disk", told, "make room: call records and recordings need it")
    if free < DISK_LOW:
        return warning("disk", told, "make room soon")
    return ok("disk", told)


def free_of(folder: Path) -> int:
    return shutil.disk_usage(folder if folder.exists() else Path()).free


def opus_finding() -> Finding:
    from siptg.rtp.codecs.libopus import LibopusMissing, opuslib

    try:
        opuslib()
    except LibopusMissing as error:
        return fault("libopus", str(error), "Debian, Ubuntu: `apt install libopus0`")
    return ok("libopus", "found")


async def names_findings(config: Config) -> list[Finding]:
    """Hosts of PBXs by the system's resolver; SRV and NAPTR are the registrar's own business."""
    from siptg.sip.uri import Uri

    loop, found = asyncio.get_running_loop(), []
    for line in config.lines:
        host = Uri.parse(line.proxy or line.address).host.strip("[]")
        try:
            addresses = await loop.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
        except OSError as error:
            found.append(
                warning(
                    f"DNS: {line.name}",
                    f"{host} has no address: {error.strerror}",
                    "correct the line's address, or the resolver (SRV records alone are fine)",
                )
            )
        else:
            found.append(ok(f"DNS: {line.name}", f"{host} is {addresses[0][4][0]}"))
    return found


def ports_findings(config: Config) -> list[Finding]:
    """Whether the ports that we listen on are there to have; a running siptg holds its own."""
    wanted = [(line.name, line.listen, socket.SOCK_DGRAM) for line in config.lines]
    wanted.append(("metrics", config.metrics.listen, socket.SOCK_STREAM))
    return [_port_finding(f"port: {name}", at, kind) for name, at, kind in wanted if at is not None]


def _port_finding(check: str, listen: str, kind: socket.SocketKind) -> Finding:
    host, _, port = listen.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as tried:
        if kind is socket.SOCK_STREAM:  # as the server does: connections that were are no matter
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host.strip("[]"), int(port)))
        except OSError as error:
            return warning(
                check,
                f"{listen} cannot be had: {error.strerror}",
                "fine while `siptg run` is on; else end what holds it, or change `listen`",
            )
    return ok(check, f"{listen} is free")
