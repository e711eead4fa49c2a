"""Ways to agencies that live outside the desk, and which of them a hand-over goes by"""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table('agency_ways',
    sa.Column('id', ID, nullable=False),
    sa.Column('agency_id', sa.String(length=40), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=True),
    sa.Column('lookup', sa.String(length=64), nullable=True),
    sa.Column('secret', sa.LargeBinary(), nullable=True),
    sa.Column('created_at', AT, nullable=False),
    sa.Column('paused_at', AT, nullable=True),
    sa.Column('removed_at', AT, nullable=True),
    sa.Column('last_error', sa.String(length=300), nullable=True),
    sa.Column('failed_at', AT, nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_agency_ways_agency', 'agency_ways', ['agency_id'])
    kind = 'INTEGER' if op.get_bind().dialect.name == 'sqlite' else 'BIGINT'
    # not add_column(): Alembic would make the constraint a statement of its own, which SQLite does not know
    op.execute(f'ALTER TABLE deliveries ADD COLUMN way_id {kind} REFERENCES agency_ways (id)')
    chosen = sa.text('way_id IS NOT NULL')
    op.create_index(
        'ix_deliveries_way', 'deliveries', ['way_id', 'id'], sqlite_where=chosen, postgresql_where=chosen
    )


def downgrade() -> None:
    op.drop_index('ix_deliveries_way', 'deliveries')
    with op.batch_alter_table('deliveries') as deliveries:
        deliveries.drop_column('way_id')
    op.drop_table('agency_ways')
