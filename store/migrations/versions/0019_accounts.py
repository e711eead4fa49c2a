"""Accounts at the desk: locked by an admin, last log-in, invitations by mail, an account of a city's own provider"""

import sqlalchemy as sa
from alembic import op

revision = '0019'
down_revision = '0021'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
AT = sa.DateTime(timezone=True)
COLUMNS = {
    'locked_at': AT,
    'last_login_at': AT,
    'mail_sealed': sa.LargeBinary(),
    'mail_lookup': sa.String(64),
    'invitation': sa.String(64),
    'invited_until': AT,
    'oidc_issuer': sa.String(300),
    'oidc_subject': sa.String(255),
}
UNIQUE = {
    'ix_officers_mail_lookup': ['mail_lookup'],
    'ix_officers_invitation': ['invitation'],
    'ix_officers_oidc': ['oidc_issuer', 'oidc_subject'],
}


def upgrade() -> None:
    for name, kind in COLUMNS.items():
        op.add_column('officers', sa.Column(name, kind, nullable=True))
    for name, columns in UNIQUE.items():
        op.create_index(name, 'officers', columns, unique=True)
    op.add_column('desk_sessions', sa.Column('by_provider', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column('deliveries', sa.Column('officer_id', ID, nullable=True))


def downgrade() -> None:
    op.drop_column('deliveries', 'officer_id')
    op.drop_column('desk_sessions', 'by_provider')
    for name in UNIQUE:
        op.drop_index(name, 'officers')
    for name in reversed(COLUMNS):
        op.drop_column('officers', name)
