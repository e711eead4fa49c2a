"""What the clock asks at every beat, each half second: answered from an index, however many reports there are."""

from pathlib import Path
from typing import Any

from sqlalchemy.event import listen

from router.clock import JOBS, tick
from tests.unit.houses import WHOLE, new_town


def test_the_clock_reads_no_table_from_end_to_end(tmp_path: Path) -> None:
    town = new_town(tmp_path)
    town.tell(WHOLE)
    engine, said = town.house.store.engine, dict[str, Any]()
    listen(engine, "before_cursor_execute", lambda *event: said.update({event[2]: event[3]}))
    tick(town.house)
    asked = {sql: values for sql, values in said.items() if sql.startswith("SELECT") and "LIMIT" not in sql}
    assert any(sql.count("SELECT min(") == len(JOBS) for sql in asked)
    with engine.connect() as connection:
        plans = [
            (sql, step.detail)
            for sql, values in asked.items()
            for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)
        ]
    assert len(plans) >= len(JOBS)
    reads_all = [(sql, step) for sql, step in plans if step.startswith("SCAN") and "INDEX" not in step]
    assert [each for each in reads_all if each[1] != "SCAN CONSTANT ROW"] == []
