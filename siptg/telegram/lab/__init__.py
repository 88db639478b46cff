"""A Telegram of our own on loopback: an MTProto server for `siptg demo` and for tests."""

from siptg.telegram.lab.accounts import LabAccount
from siptg.telegram.lab.server import Lab

__all__ = ["Lab", "LabAccount"]
