"""Photos have a thumbnail, a public copy that is shown or not, a direction and a hash that finds them again"""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

OWES_PUBLIC = sa.text("public_state = 'owed'")
BANDS = [f"substr(phash, {start}, 4)" for start in (1, 5, 9, 13)]


def upgrade() -> None:
    op.add_column('photos', sa.Column('thumb_key', sa.String(length=200), nullable=True))
    op.add_column('photos', sa.Column('public_key', sa.String(length=200), nullable=True))
    # what came before was never shown to the public: it stays so until an official says otherwise
    op.add_column('photos', sa.Column('public_state', sa.String(length=16), nullable=False, server_default='hidden'))
    op.add_column('photos', sa.Column('phash', sa.String(length=16), nullable=True))
    op.add_column('photos', sa.Column('direction', sa.Double(), nullable=True))
    op.create_index(
        'ix_photos_public', 'photos', ['id'], sqlite_where=OWES_PUBLIC, postgresql_where=OWES_PUBLIC,
    )
    for number, band in enumerate(BANDS, start=1):
        op.create_index(f'ix_photos_phash_{number}', 'photos', [sa.text(band)])


def downgrade() -> None:
    for number in range(1, len(BANDS) + 1):
        op.drop_index(f'ix_photos_phash_{number}', 'photos')
    op.drop_index('ix_photos_public', 'photos')
    for name in ('direction', 'phash', 'public_state', 'public_key', 'thumb_key'):
        op.drop_column('photos', name)
