"""What the searches for surges and for reports nearby read; when a new picture is compared with others"""

import sqlalchemy as sa
from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index('ix_reports_area', 'reports', ['area_code', 'service_code', 'requested_at'])
    op.drop_index('ix_reports_cell', 'reports')
    op.create_index('ix_reports_cell', 'reports', ['cell', 'requested_at', 'service_code'])
    op.add_column('reports', sa.Column('join_at', sa.DateTime(timezone=True), nullable=True))
    chosen = sa.text('join_at IS NOT NULL')
    op.create_index('ix_reports_join_at', 'reports', ['join_at'], sqlite_where=chosen, postgresql_where=chosen)


def downgrade() -> None:
    op.drop_index('ix_reports_join_at', 'reports')
    op.drop_column('reports', 'join_at')
    op.drop_index('ix_reports_cell', 'reports')
    op.create_index('ix_reports_cell', 'reports', ['cell', 'requested_at'])
    op.drop_index('ix_reports_area', 'reports')
