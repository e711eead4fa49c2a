"""What the clock asks at every beat, each half second: answered from an index, however many reports there are."""

from pathlib import Path
from typing import Any

from sqlalchemy.event import listen

from router.clock import tick
from tests.unit.houses import WHOLE, new_town


def test_the_clock_reads_no_table_from_end_to_end(tmp_path: Path) -> None:
    town = new_town(tmp_path)
    town.tell(WHOLE)
    engine, said = town.house.store.engine, dict[str, Any]()
    listen(engine, "before_cursor_execute", lambda *event: said.update({event[2]: event[3]}))
    tick(town.house)
    asked = {sql: values for sql, values in said.items() if sql.startswith("SELECT") and "LIMIT" not in sql}
    with engine.connect() as connection:
        plans = {
            sql: str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values).all())
            for sql, values in asked.items()
        }
    assert len(plans) >= 9
    assert [sql for sql, plan in plans.items() if "SCAN" in plan and "INDEX" not in plan] == []
