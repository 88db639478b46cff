"""People, sessions and call records."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "people",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("access_hash", sa.BigInteger, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("username", sa.String),
    )
    op.create_table(
        "sessions",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "calls",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("call", sa.String, nullable=False),
        sa.Column("person", sa.BigInteger, nullable=False),
        sa.Column("line", sa.String, nullable=False),
        sa.Column("direction", sa.String, nullable=False),
        sa.Column("party", sa.String, nullable=False),
        sa.Column("party_name", sa.String, nullable=False),
        sa.Column("began", sa.DateTime, nullable=False),
        sa.Column("answered", sa.DateTime),
        sa.Column("ended", sa.DateTime, nullable=False),
        sa.Column("cause", sa.String, nullable=False),
        sa.Column("detail", sa.String, nullable=False),
    )
    op.create_index("calls_by_person", "calls", ["person", "began"])


def downgrade() -> None:
    for table in ("calls", "sessions", "people"):
        op.drop_table(table)
