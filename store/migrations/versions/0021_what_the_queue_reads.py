"""Indexes that hold all that the queue counts and orders by"""

import sqlalchemy as sa
from alembic import op

revision = '0021'
down_revision = '0018'
branch_labels = None
depends_on = None

IS_DONE = sa.text("status IN ('closed', 'rejected', 'duplicate')")
ORDER = ('requested_at', 'late_at', 'raised', 'urgent', 'surge_id')


def upgrade() -> None:
    op.drop_index('ix_reports_agency_status', 'reports')
    op.create_index('ix_reports_agency_status', 'reports', ['agency_id', 'status', *ORDER])
    op.drop_index('ix_reports_status', 'reports')
    op.create_index('ix_reports_status', 'reports', ['status', *ORDER, 'agency_id'])
    op.create_index(
        'ix_reports_done',
        'reports',
        ['agency_id', 'updated_at', 'id'],
        sqlite_where=IS_DONE,
        postgresql_where=IS_DONE,
    )


def downgrade() -> None:
    op.drop_index('ix_reports_done', 'reports')
    op.drop_index('ix_reports_status', 'reports')
    op.create_index('ix_reports_status', 'reports', ['status', 'requested_at'])
    op.drop_index('ix_reports_agency_status', 'reports')
    op.create_index('ix_reports_agency_status', 'reports', ['agency_id', 'status', 'requested_at'])
