"""Privacy: rounds of the retention, and the link by which a person fetches what is held about them"""

import sqlalchemy as sa
from alembic import op

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        'retention_rounds',
        sa.Column('number', ID, primary_key=True, autoincrement=False),
        sa.Column('began_at', AT, nullable=False),
        sa.Column('ended_at', AT, nullable=True),
        sa.Column('next_at', AT, nullable=True),
        sa.Column('kind', sa.String(16), nullable=False),
        sa.Column('after', ID, nullable=False),
        sa.Column('counts', sa.JSON(), nullable=False),
    )
    op.create_index('ix_retention_rounds_next_at', 'retention_rounds', ['next_at'])
    op.add_column('reporters', sa.Column('copy_token', sa.String(64), nullable=True))
    op.add_column('reporters', sa.Column('copy_until', AT, nullable=True))
    op.add_column('reporters', sa.Column('copies_left', sa.Integer(), nullable=True))
    op.create_index('ix_reporters_copy_token', 'reporters', ['copy_token'])


def downgrade() -> None:
    op.drop_index('ix_reporters_copy_token', 'reporters')
    for name in ('copies_left', 'copy_until', 'copy_token'):
        op.drop_column('reporters', name)
    op.drop_table('retention_rounds')
