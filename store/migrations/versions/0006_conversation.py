"""Conversation: questions, reminders, stars, linked channels, edits"""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

COLUMNS = {
    'reporters': (
        ('question', sa.JSON()),
        ('question_until', sa.DateTime(timezone=True)),
        ('link_code', sa.String(length=64)),
        ('link_until', sa.DateTime(timezone=True)),
    ),
    'addresses': (
        ('stopped_at', sa.DateTime(timezone=True)),
        ('forget_at', sa.DateTime(timezone=True)),
    ),
    'reports': (
        ('asked_at', sa.DateTime(timezone=True)),
        ('reminded_at', sa.DateTime(timezone=True)),
        ('said_at', sa.DateTime(timezone=True)),
        ('stars', sa.Integer()),
        ('linked_to', sa.String(length=16)),
    ),
    'messages': (('edit_of', sa.String(length=200)),),
}


def upgrade() -> None:
    for table, columns in COLUMNS.items():
        for name, kind in columns:
            op.add_column(table, sa.Column(name, kind, nullable=True))
    op.add_column('reports', sa.Column('unread', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index('ix_reporters_question_until', 'reporters', ['question_until'])
    op.create_index('ix_reporters_link_code', 'reporters', ['link_code'])
    _partial('ix_addresses_forget_at', 'addresses', 'forget_at', 'forget_at IS NOT NULL')
    _partial('ix_reports_asked_at', 'reports', 'asked_at', 'asked_for IS NOT NULL')
    _partial('ix_messages_edit_of', 'messages', 'edit_of', 'edit_of IS NOT NULL')


def _partial(name: str, table: str, column: str, where: str) -> None:
    op.create_index(name, table, [column], sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def downgrade() -> None:
    op.drop_index('ix_messages_edit_of', 'messages')
    op.drop_index('ix_reports_asked_at', 'reports')
    op.drop_index('ix_addresses_forget_at', 'addresses')
    op.drop_index('ix_reporters_link_code', 'reporters')
    op.drop_index('ix_reporters_question_until', 'reporters')
    op.drop_column('reports', 'unread')
    for table, columns in COLUMNS.items():
        for name, _ in columns:
            op.drop_column(table, name)
