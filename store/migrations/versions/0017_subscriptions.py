"""Subscriptions of the public: an area's news by mail, the same for programs by webhook"""

import sqlalchemy as sa
from alembic import op

revision = '0017'
down_revision = '0020'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        'subscriptions',
        sa.Column('id', ID, primary_key=True),
        sa.Column('kind', sa.String(16), nullable=False),
        sa.Column('owner', sa.String(100), nullable=True),
        sa.Column('lookup', sa.String(64), nullable=True),
        sa.Column('sealed', sa.LargeBinary(), nullable=False),
        sa.Column('secret', sa.LargeBinary(), nullable=True),
        sa.Column('area_code', sa.String(16), nullable=True),
        sa.Column('service_code', sa.String(40), nullable=True),
        sa.Column('language', sa.String(8), nullable=False),
        sa.Column('created_at', AT, nullable=False),
        sa.Column('confirmed_at', AT, nullable=True),
        sa.Column('asked', sa.Integer(), nullable=False),
        sa.Column('told_until', AT, nullable=False),
        sa.Column('next_at', AT, nullable=True),
        sa.Column('last_error', sa.String(300), nullable=True),
        sa.Column('failing_since', AT, nullable=True),
        sa.Column('suspended_at', AT, nullable=True),
        sa.UniqueConstraint('lookup', 'area_code'),
    )
    op.create_index('ix_subscriptions_next_at', 'subscriptions', ['kind', 'next_at'])
    op.create_index('ix_subscriptions_owner', 'subscriptions', ['owner'])
    kind = 'INTEGER' if op.get_bind().dialect.name == 'sqlite' else 'BIGINT'
    # not add_column(): Alembic would make the constraint a statement of its own, which SQLite does not know
    op.execute(f'ALTER TABLE deliveries ADD COLUMN subscription_id {kind} REFERENCES subscriptions (id)')
    chosen = sa.text('subscription_id IS NOT NULL')
    op.create_index(
        'ix_deliveries_subscription',
        'deliveries',
        ['subscription_id', 'created_at'],
        sqlite_where=chosen,
        postgresql_where=chosen,
    )


def downgrade() -> None:
    op.execute(sa.text('DELETE FROM deliveries WHERE subscription_id IS NOT NULL'))
    op.drop_index('ix_deliveries_subscription', 'deliveries')
    with op.batch_alter_table('deliveries') as deliveries:
        deliveries.drop_column('subscription_id')
    op.drop_table('subscriptions')
