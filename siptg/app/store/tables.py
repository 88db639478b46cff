"""The tables, for queries; how they came to be is in `migrations/`."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

METADATA = MetaData()

PEOPLE = Table(
    "people",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("access_hash", BigInteger, nullable=False),
    Column("name", String, nullable=False),
    Column("username", String),
    Column("language", String, nullable=False, server_default=""),
)

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("name", String, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)

CALLS = Table(
    "calls",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("call", String, nullable=False),
    Column("person", BigInteger, nullable=False),
    Column("line", String, nullable=False),
    Column("direction", String, nullable=False),
    Column("party", String, nullable=False),
    Column("party_name", String, nullable=False),
    Column("began", DateTime, nullable=False),
    Column("answered", DateTime),
    Column("ended", DateTime, nullable=False),
    Column("cause", String, nullable=False),
    Column("detail", String, nullable=False),
    Index("calls_by_person", "person", "began"),
)

ACCOUNTS = Table(
    "accounts",
    METADATA,
    Column("name", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("user", BigInteger, nullable=False),
    Column("title", String, nullable=False),
    Column("state", String, nullable=False),
    Column("word", String, nullable=False),
    Column("seen", DateTime),
)
