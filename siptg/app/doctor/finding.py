"""One line of the doctor's: what was looked at, how it is, what to do."""

from __future__ import annotations

import enum

import attrs


class Level(enum.Enum):
    OK = "ok"
    WARNING = "warning"
    """It works, but not for long, or not for everybody."""
    FAULT = "fault"
    """Calls cannot be made until somebody acts."""


@attrs.frozen
class Finding:
    check: str
    level: Level
    sentence: str
    remedy: str = ""

    @property
    def table(self) -> dict[str, str]:
        """For `--json`."""
        return {
            "check": self.check,
            "level": self.level.value,
            "sentence": self.sentence,
            "remedy": self.remedy,
        }


def ok(check: str, sentence: str) -> Finding:
    return Finding(check, Level.OK, sentence)


def warning(check: str, sentence: str, remedy: str) -> Finding:
    return Finding(check, Level.WARNING, sentence, remedy)


def fault(check: str, sentence: str, remedy: str) -> Finding:
    return Finding(check, Level.FAULT, sentence, remedy)


def exit_code(findings: list[Finding]) -> int:
    """0 where nothing is at fault; warnings alone are no failure."""
    return int(any(finding.level is Level.FAULT for finding in findings))
