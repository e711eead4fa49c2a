"""Times are kept as SQLAlchemy would keep them on SQLite, and come back as they were."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from store.models import UtcDateTime

SQLITE = sqlite.dialect()
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=zones | st.just(UTC))  # noqa: DTZ001


@given(times)
def test_a_time_is_written_in_the_same_letters_and_read_again(at: datetime) -> None:
    theirs = sqlite.DATETIME().bind_processor(SQLITE)
    kind = UtcDateTime().dialect_impl(SQLITE)
    write, read = kind.bind_processor(SQLITE), kind.result_processor(SQLITE, None)
    assert theirs is not None
    assert write is not None
    assert read is not None
    assert write(at) == theirs(at.astimezone(UTC).replace(tzinfo=None))
    assert read(write(at)) == at


def test_no_time_is_none_and_one_without_a_zone_is_refused() -> None:
    write = UtcDateTime().bind_processor(SQLITE)
    assert write is not None
    assert write(None) is None
    with pytest.raises(ValueError, match="without a time zone"):
        write(datetime(2026, 1, 1))  # noqa: DTZ001
