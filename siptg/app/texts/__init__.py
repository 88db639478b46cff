"""What people read, in their language."""

from siptg.app.texts.catalogue import TEXTS, Texts, Words

__all__ = ["TEXTS", "Texts", "Words"]
