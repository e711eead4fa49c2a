"""The officials' second step at the door: a sealed secret, the last step used, and recovery codes"""

import sqlalchemy as sa
from alembic import op

revision = '0018'
down_revision = '0016'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.add_column('officers', sa.Column('totp_sealed', sa.LargeBinary(), nullable=True))
    op.add_column('officers', sa.Column('totp_since', sa.DateTime(timezone=True), nullable=True))
    op.add_column('officers', sa.Column('totp_step', sa.BigInteger(), nullable=False, server_default='0'))
    op.add_column('officers', sa.Column('failed_codes', sa.Integer(), nullable=False, server_default='0'))
    op.create_table(
        'recovery_codes',
        sa.Column('id', ID, primary_key=True),
        sa.Column('officer_id', ID, sa.ForeignKey('officers.id', ondelete='CASCADE'), nullable=False),
        sa.Column('hash', sa.String(64), nullable=False),
    )
    op.create_index('ix_recovery_codes_officer_id', 'recovery_codes', ['officer_id'])


def downgrade() -> None:
    op.drop_table('recovery_codes')
    for name in ('failed_codes', 'totp_step', 'totp_since', 'totp_sealed'):
        op.drop_column('officers', name)
