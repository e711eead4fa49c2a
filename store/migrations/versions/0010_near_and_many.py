"""What the searches for surges and for reports nearby read: an area's services, a cell's services"""

from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index('ix_reports_area', 'reports', ['area_code', 'service_code', 'requested_at'])
    op.drop_index('ix_reports_cell', 'reports')
    op.create_index('ix_reports_cell', 'reports', ['cell', 'requested_at', 'service_code'])


def downgrade() -> None:
    op.drop_index('ix_reports_cell', 'reports')
    op.create_index('ix_reports_cell', 'reports', ['cell', 'requested_at'])
    op.drop_index('ix_reports_area', 'reports')
