"""The desk: an index to find reports by, who took a report, notes, undo, saved views, deeds"""

import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
AT = sa.DateTime(timezone=True)

# What owes the index a report's words; of each statement of a batch's on PostgreSQL, of each row on SQLite.
ON_SQLITE = (
    "CREATE VIRTUAL TABLE report_words USING fts5 (words, detail = none, columnsize = 0, tokenize = 'ascii')",
    "CREATE TRIGGER words_of_new_reports AFTER INSERT ON reports"
    " BEGIN INSERT INTO words_owed (report_id) VALUES (new.id); END",
    "CREATE TRIGGER words_of_reports AFTER UPDATE OF description, address_string, area_code ON reports"
    " WHEN old.description IS NOT new.description OR old.address_string IS NOT new.address_string"
    " OR old.area_code IS NOT new.area_code"
    " BEGIN INSERT INTO words_owed (report_id) VALUES (new.id); END",
    "CREATE TRIGGER words_of_new_messages AFTER INSERT ON messages WHEN new.report_id IS NOT NULL"
    " BEGIN INSERT INTO words_owed (report_id) VALUES (new.report_id); END",
    "CREATE TRIGGER words_of_messages AFTER UPDATE OF text, subject, report_id ON messages"
    " WHEN old.text IS NOT new.text OR old.subject IS NOT new.subject OR old.report_id IS NOT new.report_id"
    " BEGIN INSERT INTO words_owed (report_id)"
    " SELECT old.report_id WHERE old.report_id IS NOT NULL UNION SELECT new.report_id WHERE new.report_id IS NOT NULL;"
    " END",
)
SECURE_DELETE = "INSERT INTO report_words (report_words, rank) VALUES ('secure-delete', 1)"
ON_POSTGRESQL = (
    "CREATE TABLE report_words (report_id BIGINT PRIMARY KEY, words TSVECTOR NOT NULL)",
    "CREATE INDEX ix_report_words ON report_words USING gin (words)",
    "CREATE FUNCTION owe_words_of_reports() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    " INSERT INTO words_owed (report_id) SELECT id FROM fresh; RETURN NULL; END $$",
    "CREATE FUNCTION owe_words_of_messages() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    " INSERT INTO words_owed (report_id) SELECT DISTINCT report_id FROM fresh WHERE report_id IS NOT NULL;"
    " RETURN NULL; END $$",
    "CREATE FUNCTION owe_words_of_report() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    " INSERT INTO words_owed (report_id) VALUES (new.id); RETURN NULL; END $$",
    "CREATE FUNCTION owe_words_of_message() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    " INSERT INTO words_owed (report_id)"
    " SELECT DISTINCT each FROM unnest(ARRAY[old.report_id, new.report_id]) AS each WHERE each IS NOT NULL;"
    " RETURN NULL; END $$",
    "CREATE TRIGGER words_of_new_reports AFTER INSERT ON reports REFERENCING NEW TABLE AS fresh"
    " FOR EACH STATEMENT EXECUTE FUNCTION owe_words_of_reports()",
    "CREATE TRIGGER words_of_new_messages AFTER INSERT ON messages REFERENCING NEW TABLE AS fresh"
    " FOR EACH STATEMENT EXECUTE FUNCTION owe_words_of_messages()",
    "CREATE TRIGGER words_of_reports AFTER UPDATE OF description, address_string, area_code ON reports FOR EACH ROW"
    " WHEN ((old.description, old.address_string, old.area_code)"
    " IS DISTINCT FROM (new.description, new.address_string, new.area_code))"
    " EXECUTE FUNCTION owe_words_of_report()",
    "CREATE TRIGGER words_of_messages AFTER UPDATE OF text, subject, report_id ON messages FOR EACH ROW"
    " WHEN ((old.text, old.subject, old.report_id) IS DISTINCT FROM (new.text, new.subject, new.report_id))"
    " EXECUTE FUNCTION owe_words_of_message()",
)
TRIGGERS = (
    ('words_of_new_reports', 'reports'),
    ('words_of_reports', 'reports'),
    ('words_of_new_messages', 'messages'),
    ('words_of_messages', 'messages'),
)
FUNCTIONS = ('owe_words_of_reports', 'owe_words_of_messages', 'owe_words_of_report', 'owe_words_of_message')


def upgrade() -> None:
    op.create_table('words_owed',
    sa.Column('id', ID, nullable=False),
    sa.Column('report_id', ID, nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    for statement in ON_SQLITE if _is_sqlite() else ON_POSTGRESQL:
        op.execute(statement)
    if _is_sqlite() and op.get_bind().dialect.server_version_info >= (3, 42):  # earlier ones do not know it
        op.execute(SECURE_DELETE)
    op.execute('INSERT INTO words_owed (report_id) SELECT id FROM reports ORDER BY id')
    op.create_table('notes',
    sa.Column('id', ID, nullable=False),
    sa.Column('report_id', ID, nullable=False),
    sa.Column('by', sa.String(length=80), nullable=False),
    sa.Column('text', sa.String(), nullable=False),
    sa.Column('at', AT, nullable=False),
    sa.ForeignKeyConstraint(['report_id'], ['reports.id']),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_notes_report_id', 'notes', ['report_id'])
    op.create_table('undos',
    sa.Column('report_id', ID, nullable=False, autoincrement=False),
    sa.Column('officer_id', ID, nullable=False),
    sa.Column('seq', sa.Integer(), nullable=False),
    sa.Column('until', AT, nullable=False),
    sa.Column('before', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('owed', sa.JSON(), nullable=False),
    sa.Column('photos', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['report_id'], ['reports.id']),
    sa.PrimaryKeyConstraint('report_id')
    )
    op.create_table('desk_views',
    sa.Column('id', ID, nullable=False),
    sa.Column('officer_id', ID, nullable=False),
    sa.Column('name', sa.String(length=60), nullable=False),
    sa.Column('query', sa.String(length=1000), nullable=False),
    sa.ForeignKeyConstraint(['officer_id'], ['officers.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('officer_id', 'name')
    )
    op.create_table('deeds',
    sa.Column('id', ID, nullable=False),
    sa.Column('report_id', ID, nullable=False),
    sa.Column('by', sa.String(length=80), nullable=False),
    sa.Column('what', sa.String(length=16), nullable=False),
    sa.Column('at', AT, nullable=False),
    sa.ForeignKeyConstraint(['report_id'], ['reports.id']),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_deeds_at', 'deeds', ['at'])
    op.create_index('ix_deeds_report_id', 'deeds', ['report_id'])
    op.add_column('reports', sa.Column('officer_id', ID, nullable=True))
    chosen = sa.text('officer_id IS NOT NULL')
    op.create_index('ix_reports_officer_id', 'reports', ['officer_id'], sqlite_where=chosen, postgresql_where=chosen)


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == 'sqlite'


def downgrade() -> None:
    for name, table in TRIGGERS:  # first: who rebuilds a table takes its triggers along
        op.execute(f'DROP TRIGGER {name}' if _is_sqlite() else f'DROP TRIGGER {name} ON {table}')
    for name in () if _is_sqlite() else FUNCTIONS:
        op.execute(f'DROP FUNCTION {name}')
    op.execute('DROP TABLE report_words')
    op.drop_index('ix_reports_officer_id', 'reports')
    op.drop_column('reports', 'officer_id')
    for name in ('deeds', 'desk_views', 'undos', 'notes', 'words_owed'):
        op.drop_table(name)
