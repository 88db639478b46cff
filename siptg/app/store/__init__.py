"""What is kept: people, call records, sealed Telegram sessions. SQLite by way of SQLAlchemy
Core.
"""

from siptg.app.store.records import AccountRecord, CallRecord, KnownPerson
from siptg.app.store.seal import Seal, SealBroken, open_seal
from siptg.app.store.store import SqlStore, Store, StoreError

__all__ = [
    "AccountRecord",
    "CallRecord",
    "KnownPerson",
    "Seal",
    "SealBroken",
    "SqlStore",
    "Store",
    "StoreError",
    "open_seal",
]
