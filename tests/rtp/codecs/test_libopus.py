"""Where libopus is found."""

from __future__ import annotations

from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from siptg.rtp.codecs import libopus


def without_pyav(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    empty = ModuleSpec("av", None, origin=str(folder / "av" / "__init__.py"))
    monkeypatch.setattr(libopus, "find_spec", lambda name: empty)


def test_the_one_inside_pyavs_wheel_comes_first() -> None:
    found = libopus.find_libopus(lambda name: f"lib{name}.so.0")
    assert Path(found).name.startswith("libopus") and Path(found).parent.name == "av.libs"
    assert list(libopus.candidates(lambda name: f"lib{name}.so.0"))[-1] == "libopus.so.0"


def test_else_the_systems(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bundled = libopus.find_libopus()
    without_pyav(monkeypatch, tmp_path)
    assert libopus.find_libopus(lambda name: bundled if name == "opus" else None) == bundled


def test_what_cannot_be_loaded_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundled = libopus.find_libopus()
    without_pyav(monkeypatch, tmp_path)
    (tmp_path / "av.libs").mkdir()
    (tmp_path / "av.libs" / "libopus-1.so").write_bytes(b"for another machine")
    assert libopus.find_libopus(lambda name: bundled) == bundled


def test_else_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without_pyav(monkeypatch, tmp_path)
    with pytest.raises(libopus.LibopusMissing, match="apt-get install libopus0"):
        libopus.find_libopus(lambda name: None)


def test_a_codec_without_its_library_is_not_available(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert libopus.available()
    without_pyav(monkeypatch, tmp_path)
    monkeypatch.setattr(libopus, "candidates", lambda find: iter(()))
    assert not libopus.available()
