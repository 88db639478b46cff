"""Our Telegram accounts and how they stand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002_accounts"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("user", sa.BigInteger, nullable=False),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("word", sa.String, nullable=False),
        sa.Column("seen", sa.DateTime),
    )


def downgrade() -> None:
    op.drop_table("accounts")
