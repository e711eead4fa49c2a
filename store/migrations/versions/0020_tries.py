"""A hand-over by an agency's way keeps its last tries: when, how long, what was answered, when the next is due"""

import sqlalchemy as sa
from alembic import op

revision = '0020'
down_revision = '0019'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('deliveries', sa.Column('tries', sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column('deliveries', 'tries')
