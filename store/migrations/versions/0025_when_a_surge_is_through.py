"""When an open surge's queue will be through, as its last look found"""

import sqlalchemy as sa
from alembic import op

revision = '0025'
down_revision = '0024'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('surges', sa.Column('through_at', sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column('surges', 'through_at')
