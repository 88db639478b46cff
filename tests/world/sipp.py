"""SIPp as a process: plays one scenario of `scenarios/` and says what went otherwise than written.

    async with Sipp("uac_call", phone.address, folder=tmp_path, calls=10) as sipp:
        ...
        await sipp.done()

A scenario is SIPp's XML with `<send part="invite" cseq="2"/>`: a message of `scenarios/parts` whose
`{name=default}` takes the attribute `name`. `python -m tests.world.sipp uac_call` prints it whole.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.world.process import Program, free_ports, is_bound, need

SCENARIOS = Path(__file__).parent / "scenarios"
SEND = re.compile(r"<send\s+((?:[\w-]+=(?:\"[^\"]*\"|'[^']*')\s*)+)/>")
ATTRIBUTE = re.compile(r"([\w-]+)=(?:\"([^\"]*)\"|'([^']*)')")
HOLE = re.compile(r"\{(\w+)(?:=([^}]*))?\}")
PCMU = {"codec": 0, "rtpmap": "PCMU/8000", "clock": 8000}
"""The format where a scenario leaves it open; the clock is that of telephone-event."""
EXITS = {1: "a call failed", 97: "ended early", 99: "no calls", 253: "ended early", 255: "fatal"}


class SippFailed(AssertionError):
    """SIPp saw something that its scenario does not allow."""


def message(part: str, given: dict[str, str]) -> str:
    """One message; attributes that it has a hole for are taken out of `given`."""

    def fill(line: str) -> str | None:
        filled = HOLE.sub(lambda hole: given.pop(hole[1], None) or hole[2] or "", line)
        return None if line and not filled.strip() else filled

    text = (SCENARIOS / "parts" / f"{part}.sip").read_text()
    text = text.replace("{>sdp}\n", (SCENARIOS / "parts" / "sdp.sip").read_text())
    head, _, body = text.partition("\n\n")
    lines = [line for line in map(fill, head.splitlines()) if line is not None]
    return "\n".join([*lines, "", *(fill(line) or "" for line in body.splitlines())]) + "\n"


def scenario(name: str) -> str:
    """The scenario as SIPp reads it."""

    def spell(send: re.Match[str]) -> str:
        given = {key: a or b for key, a, b in ATTRIBUTE.findall(send[1])}
        body = message(given.pop("part"), given)
        rest = "".join(f' {key}="{value}"' for key, value in given.items())
        return f"<send{rest}><![CDATA[\n{body}]]></send>"

    text = (SCENARIOS / f"{name}.xml").read_text()
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + SEND.sub(spell, text)


class Sipp(Program):
    """One run of SIPp on loopback. It calls `remote`, or waits at `address` where there is none."""

    def __init__(
        self,
        name: str,
        remote: tuple[str, int] | None = None,
        *,
        folder: Path,
        calls: int = 1,
        rate: int = 10,
        hold: float = 0.2,
        seconds: int = 20,
        service: str = "bob",
        credentials: tuple[str, str] | None = None,
        repeats: bool = False,
        echo: bool = False,
        keys: Mapping[str, object] | None = None,
        transport: str = "u1",
    ) -> None:
        """`hold` is what `<pause/>` lasts, `repeats` shows repeated messages to the scenario where
        SIPp would hide them, `echo` sends all RTP back, `keys` are further `[words]` of its own."""
        need("sipp", "sip-tester")
        self.seconds, self.media_port = seconds, free_ports(4, even=True)
        self.address = "127.0.0.1", free_ports()
        self.errors = folder / f"{name}-{self.address[1]}.errors"
        file = folder / f"{name}.xml"
        file.write_text(scenario(name))
        words = {
            "ear": self.media_port,
            "caller": (credentials or ["sipp"])[0],
            **PCMU,
            **(keys or {}),
        }
        self._tcp = transport.startswith("t")
        self._connects = self._tcp and remote is not None
        super().__init__(
            [
                *("sipp", *([f"{remote[0]}:{remote[1]}"] if remote else [])),
                *("-sf", str(file), "-s", service, "-t", transport, "-nostdin"),
                *("-i", "127.0.0.1", "-p", str(self.address[1])),
                *("-mi", "127.0.0.1", "-mp", str(self.media_port)),
                *("-m", str(calls), "-r", str(rate), "-d", str(round(hold * 1000))),
                *("-timeout", str(seconds), "-timeout_error"),
                *("-trace_err", "-error_file", str(self.errors)),
                *(("-au", credentials[0], "-ap", credentials[1]) if credentials else ()),
                *(["-nr"] if repeats else []),
                *(["-rtp_echo"] if echo else []),
                *(part for key, value in words.items() for part in ("-key", key, str(value))),
            ],
            folder,
            f"{name}-{self.address[1]}.log",
        )

    async def __aenter__(self) -> Self:
        async def listens() -> bool:
            if self._connects:
                return True
            return is_bound(self.address[1], "tcp" if self._tcp else "udp")

        await self.start(listens)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end()

    async def done(self) -> None:
        """Wait for the last call; SippFailed shows the message that was not expected."""
        try:
            code = await self.code(self.seconds + 5)
        except TimeoutError:
            raise SippFailed(f"not done after {self.seconds} s: {self.last_words()}") from None
        if code != 0:
            said = self.errors.read_text(errors="replace") if self.errors.exists() else ""
            raise SippFailed(f"{EXITS.get(code, code)}\n{said or self.last_words()}")


if __name__ == "__main__":
    print(scenario(sys.argv[1]))
