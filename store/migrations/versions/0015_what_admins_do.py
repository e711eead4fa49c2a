"""Deeds that belong to no report: what admins do, and lists that officials took along"""

import sqlalchemy as sa
from alembic import op

revision = '0015'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('deeds') as deeds:
        deeds.alter_column('report_id', existing_type=sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True)
        deeds.add_column(sa.Column('about', sa.String(300)))


def downgrade() -> None:
    op.execute('DELETE FROM deeds WHERE report_id IS NULL')
    with op.batch_alter_table('deeds') as deeds:
        deeds.drop_column('about')
        deeds.alter_column('report_id', existing_type=sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False)
