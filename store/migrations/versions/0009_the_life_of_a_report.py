"""The life of a report: holdings, joins, surges, route rules, answers to the card, after-photos, areas of officials"""

import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
AT = sa.DateTime(timezone=True)
OF_REPORTS = ('parent_id', 'surge_id', 'closes_at')


def upgrade() -> None:
    op.create_table('surges',
    sa.Column('id', ID, nullable=False),
    sa.Column('service_code', sa.String(length=40), nullable=False),
    sa.Column('area_code', sa.String(length=16), nullable=False),
    sa.Column('began_at', AT, nullable=False),
    sa.Column('ended_at', AT, nullable=True),
    sa.Column('told_at', AT, nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    _index_where('ix_surges_open', 'surges', ['service_code', 'area_code'], 'ended_at IS NULL', unique=True)
    op.create_table('holdings',
    sa.Column('id', ID, nullable=False),
    sa.Column('report_id', ID, nullable=False),
    sa.Column('agency_id', sa.String(length=40), nullable=False),
    sa.Column('service_code', sa.String(length=40), nullable=True),
    sa.Column('area_code', sa.String(length=16), nullable=True),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('since', AT, nullable=False),
    sa.Column('until', AT, nullable=True),
    sa.Column('passed_to', sa.String(length=40), nullable=True),
    sa.Column('term', sa.Integer(), nullable=False),
    sa.Column('runs_since', AT, nullable=True),
    sa.Column('due_at', AT, nullable=True),
    sa.Column('was_late', sa.Boolean(), nullable=False),
    sa.Column('worked', sa.Integer(), nullable=False),
    sa.Column('acted_worked', sa.Integer(), nullable=True),
    sa.Column('resolved_worked', sa.Integer(), nullable=True),
    sa.Column('reopened', sa.Integer(), nullable=False),
    sa.Column('stars', sa.Integer(), nullable=True),
    sa.Column('flags', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('explanation', sa.String(), nullable=True),
    sa.ForeignKeyConstraint(['report_id'], ['reports.id']),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_holdings_report', 'holdings', ['report_id', 'since'])
    op.create_index('ix_holdings_since', 'holdings', ['since'])
    _index_where('ix_holdings_agency', 'holdings', ['agency_id', 'due_at'], 'until IS NULL')
    op.create_table('route_rules',
    sa.Column('id', ID, nullable=False),
    sa.Column('service_code', sa.String(length=40), nullable=False),
    sa.Column('agency_id', sa.String(length=40), nullable=False),
    sa.Column('to_agency_id', sa.String(length=40), nullable=False),
    sa.Column('by', sa.String(length=80), nullable=False),
    sa.Column('at', AT, nullable=False),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('service_code', 'agency_id')
    )
    op.create_table('card_answers',
    sa.Column('id', ID, nullable=False),
    sa.Column('agency_id', sa.String(length=40), nullable=False),
    sa.Column('month', sa.String(length=7), nullable=False),
    sa.Column('text', sa.String(), nullable=False),
    sa.Column('by', sa.String(length=80), nullable=False),
    sa.Column('at', AT, nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_card_answers', 'card_answers', ['month', 'agency_id'])
    kind = 'INTEGER' if op.get_bind().dialect.name == 'sqlite' else 'BIGINT'
    # not add_column(): Alembic would make the constraint a statement of its own, which SQLite does not know
    op.execute(f'ALTER TABLE reports ADD COLUMN parent_id {kind} REFERENCES reports (id)')
    op.execute(f'ALTER TABLE reports ADD COLUMN surge_id {kind} REFERENCES surges (id)')
    op.add_column('reports', sa.Column('cell', sa.BigInteger(), nullable=True))
    op.add_column('reports', sa.Column('closes_at', AT, nullable=True))
    op.create_index('ix_reports_cell', 'reports', ['cell', 'requested_at', 'service_code'])
    for name in OF_REPORTS:
        _index_where(f'ix_reports_{name}', 'reports', [name], f'{name} IS NOT NULL')
    op.drop_index('ix_reports_area_code', 'reports')
    op.create_index('ix_reports_area_code', 'reports', ['area_code', 'status'])
    op.add_column('photos', sa.Column('software', sa.String(length=100), nullable=True))
    op.add_column('photos', sa.Column('is_after', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index('ix_photos_media_key', 'photos', ['media_key'])
    op.add_column('officers', sa.Column('area_code', sa.String(length=16), nullable=True))


def _index_where(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    chosen = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=chosen, postgresql_where=chosen)


def downgrade() -> None:
    op.drop_column('officers', 'area_code')
    op.drop_index('ix_photos_media_key', 'photos')
    op.drop_column('photos', 'is_after')
    op.drop_column('photos', 'software')
    op.drop_index('ix_reports_area_code', 'reports')
    op.create_index('ix_reports_area_code', 'reports', ['area_code'])
    for name in (*OF_REPORTS, 'cell'):
        op.drop_index(f'ix_reports_{name}', 'reports')
    with op.batch_alter_table('reports') as reports:
        for name in (*OF_REPORTS, 'cell'):
            reports.drop_column(name)
    for name in ('card_answers', 'route_rules', 'holdings', 'surges'):
        op.drop_table(name)
