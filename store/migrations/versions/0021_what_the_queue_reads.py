"""Indexes that hold all that the queue counts and orders by, and the agency among the words of a report"""

import sqlalchemy as sa
from alembic import op

revision = '0021'
down_revision = '0018'
branch_labels = None
depends_on = None

IS_DONE = sa.text("status IN ('closed', 'rejected', 'duplicate')")
ORDER = ('requested_at', 'late_at', 'raised', 'urgent', 'surge_id', 'id')
WORDS = ('description', 'address_string', 'area_code')


def upgrade() -> None:
    op.drop_index('ix_reports_agency_status', 'reports')
    op.create_index('ix_reports_agency_status', 'reports', ['agency_id', 'status', *ORDER])
    op.drop_index('ix_reports_status', 'reports')
    op.create_index('ix_reports_status', 'reports', ['status', *ORDER, 'agency_id'])
    op.create_index(
        'ix_reports_done',
        'reports',
        ['agency_id', 'updated_at', 'id'],
        sqlite_where=IS_DONE,
        postgresql_where=IS_DONE,
    )
    _note_changes_of(*WORDS, 'agency_id')
    op.execute('INSERT INTO words_owed (report_id) SELECT id FROM reports ORDER BY id DESC')


def downgrade() -> None:
    _note_changes_of(*WORDS)
    op.drop_index('ix_reports_done', 'reports')
    op.drop_index('ix_reports_status', 'reports')
    op.create_index('ix_reports_status', 'reports', ['status', 'requested_at'])
    op.drop_index('ix_reports_agency_status', 'reports')
    op.create_index('ix_reports_agency_status', 'reports', ['agency_id', 'status', 'requested_at'])


def _note_changes_of(*columns: str) -> None:
    """The trigger of migration 0012 that owes the index a report's words, for these columns."""
    names = ', '.join(columns)
    if op.get_bind().dialect.name == 'sqlite':
        changed = ' OR '.join(f'old.{name} IS NOT new.{name}' for name in columns)
        op.execute('DROP TRIGGER words_of_reports')
        op.execute(
            f'CREATE TRIGGER words_of_reports AFTER UPDATE OF {names} ON reports WHEN {changed}'
            ' BEGIN INSERT INTO words_owed (report_id) VALUES (new.id); END'
        )
        return
    before, after = (', '.join(f'{side}.{name}' for name in columns) for side in ('old', 'new'))
    op.execute('DROP TRIGGER words_of_reports ON reports')
    op.execute(
        f'CREATE TRIGGER words_of_reports AFTER UPDATE OF {names} ON reports FOR EACH ROW'
        f' WHEN (({before}) IS DISTINCT FROM ({after})) EXECUTE FUNCTION owe_words_of_report()'
    )
