"""What the desk made of each guessed service, and the model that was learned from it"""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

IS_JUDGED = sa.text("service_guess IS NOT NULL")


def upgrade() -> None:
    op.add_column('reports', sa.Column('service_guess', sa.String(length=8), nullable=True))
    op.create_index(
        'ix_reports_service_guess', 'reports', ['service_guess', 'requested_at'],
        sqlite_where=IS_JUDGED, postgresql_where=IS_JUDGED,
    )
    op.create_table('learned_models',
    sa.Column('version', sa.String(length=40), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('figures', sa.JSON(), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.PrimaryKeyConstraint('version')
    )


def downgrade() -> None:
    op.drop_table('learned_models')
    op.drop_index('ix_reports_service_guess', 'reports')
    op.drop_column('reports', 'service_guess')
