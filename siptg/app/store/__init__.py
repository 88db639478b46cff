"""What is kept: people, call records, sealed Telegram sessions. SQLite by way of SQLAlchemy
Core.
"""

from siptg.app.store.records import CallRecord, KnownPerson
from siptg.app.store.seal import Seal, SealBroken
from siptg.app.store.store import SqlStore, Store, StoreError

__all__ = ["CallRecord", "KnownPerson", "Seal", "SealBroken", "SqlStore", "Store", "StoreError"]
