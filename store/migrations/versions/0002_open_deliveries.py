"""What is owed is found by channel and time, however much else there is"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

IS_UNFINISHED = sa.text("state IN ('waiting', 'sending', 'unknown')")


def upgrade() -> None:
    op.execute("UPDATE deliveries SET next_attempt_at = lease_until WHERE state = 'sending' AND lease_until IS NOT NULL")
    op.create_index(
        'ix_deliveries_open', 'deliveries', ['channel', 'next_attempt_at', 'id'],
        sqlite_where=IS_UNFINISHED, postgresql_where=IS_UNFINISHED,
    )


def downgrade() -> None:
    op.drop_index('ix_deliveries_open', 'deliveries')
