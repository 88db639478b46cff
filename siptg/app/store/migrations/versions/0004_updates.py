"""How far each Telegram session has read, whom it has met, and what it has handled."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004_updates"
down_revision = "0003_language"


def upgrade() -> None:
    op.create_table(
        "telegram_states",
        sa.Column("session", sa.String, primary_key=True),
        sa.Column("entity", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("pts", sa.BigInteger, nullable=False),
        sa.Column("qts", sa.BigInteger, nullable=False),
        sa.Column("date", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "telegram_entities",
        sa.Column("session", sa.String, primary_key=True),
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("access_hash", sa.BigInteger, nullable=False),
        sa.Column("username", sa.String),
        sa.Column("name", sa.String),
    )
    op.create_table(
        "telegram_handled",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("session", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("id", sa.BigInteger, nullable=False),
    )
    op.create_index(
        "telegram_handled_once", "telegram_handled", ["session", "kind", "id"], unique=True
    )


def downgrade() -> None:
    for table in ("telegram_handled", "telegram_entities", "telegram_states"):
        op.drop_table(table)
