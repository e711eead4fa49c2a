"""Promises: when a report becomes late, what was left when its clock stopped, how often it was raised"""

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('reports', sa.Column('late_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('reports', sa.Column('time_left', sa.Integer(), nullable=True))
    op.add_column('reports', sa.Column('raised', sa.Integer(), nullable=False, server_default='0'))
    op.create_index('ix_reports_late_at', 'reports', ['late_at'])


def downgrade() -> None:
    op.drop_index('ix_reports_late_at', 'reports')
    for name in ('raised', 'time_left', 'late_at'):
        op.drop_column('reports', name)
