"""docs/benchmarks.md, made of benchmarks.json: `python -m bench.page`."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

from bench.foreign import ROOT

REPORT, PAGE = ROOT / "benchmarks.json", ROOT / "docs" / "benchmarks.md"
HEAD = """# What it costs

Made by `make bench`: medians of several rounds in which all take turns on one machine of two cores,
{where}. Machines, and hours on a shared one, differ by a third and more: compare what stands in one
row. `python -m bench.stations` says where the time of a call goes.

| measured | siptg | unit | others | how |
|---|---|---|---|---|
"""


def row(figure: dict[str, Any]) -> str:
    value = "–" if figure["value"] is None else f"**{figure['value']:,g}**"
    there = [(name, found) for name, found in figure["peers"].items() if found is not None]
    peers = ", ".join(f"{name} {found:,g}" for name, found in there) or "–"
    note = figure["note"].split("; ")
    how = "; ".join(part for part in note if " missing: " not in part)
    return f"| `{figure['id']}` | {value} | {figure['unit']} | {peers} | {how} |"


def page(figures: list[dict[str, Any]], where: str) -> str:
    return HEAD.format(where=where) + "\n".join(map(row, figures)) + "\n"


def place() -> str:
    """The processor's family and the Python, not the machine."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.machine()}, Python {platform.python_version()}"


def renewed(
    old: list[dict[str, Any]], new: list[dict[str, Any]], order: list[str]
) -> list[dict[str, Any]]:
    """Each figure of `order` once: the new one, else the old one where there is one."""
    known = {figure["id"]: figure for figure in (*old, *new)}
    return [known[id] for id in order if id in known]


def keep(figures: list[dict[str, Any]], order: list[str]) -> None:
    """Into benchmarks.json and the page; what was not measured stays as it was."""
    old = json.loads(REPORT.read_text()) if REPORT.exists() else []
    REPORT.write_text(json.dumps(renewed(old, figures, order), indent=1) + "\n")
    main()


def main() -> None:
    PAGE.write_text(page(json.loads(REPORT.read_text()), place()))


if __name__ == "__main__":
    main()
