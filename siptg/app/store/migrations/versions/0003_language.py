"""People have a language."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003_language"
down_revision = "0002_accounts"


def upgrade() -> None:
    op.add_column("people", sa.Column("language", sa.String, nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("people", "language")
