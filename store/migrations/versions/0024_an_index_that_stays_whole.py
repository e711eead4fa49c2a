"""FTS5 loses rows of an index without positions when it deletes securely: no more, and the index made anew"""

from alembic import op

revision = '0024'
down_revision = '0017'
branch_labels = None
depends_on = None


def upgrade() -> None:
    _delete_securely(0)


def downgrade() -> None:
    _delete_securely(1)


def _delete_securely(value: int) -> None:
    bind = op.get_bind()
    if bind.dialect.name != 'sqlite':
        return
    if bind.dialect.server_version_info >= (3, 42):  # earlier ones do not know it, and never did it
        op.execute(f"INSERT INTO report_words (report_words, rank) VALUES ('secure-delete', {value})")
    op.execute("INSERT INTO report_words (report_words) VALUES ('rebuild')")
