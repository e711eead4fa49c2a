"""Indexes that hold all that the public's counts, clusters and lists read"""

from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index('ix_reports_area', 'reports')
    op.create_index('ix_reports_area', 'reports', ['area_code', 'service_code', 'requested_at', 'status', 'cell'])
    op.drop_index('ix_reports_cell', 'reports')
    op.create_index('ix_reports_cell', 'reports', ['cell', 'requested_at', 'service_code', 'status'])
    op.create_index('ix_reports_service', 'reports', ['service_code', 'status', 'requested_at'])
    op.create_index('ix_reports_status', 'reports', ['status', 'requested_at'])


def downgrade() -> None:
    op.drop_index('ix_reports_status', 'reports')
    op.drop_index('ix_reports_service', 'reports')
    op.drop_index('ix_reports_cell', 'reports')
    op.create_index('ix_reports_cell', 'reports', ['cell', 'requested_at', 'service_code'])
    op.drop_index('ix_reports_area', 'reports')
    op.create_index('ix_reports_area', 'reports', ['area_code', 'service_code', 'requested_at'])
