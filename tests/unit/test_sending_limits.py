"""Token buckets on a clock that only the test moves."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.limits import CHANNEL_RATES, LONGEST_WAIT, Bucket, Limits, Rate
from router.worker import batch_of


@dataclass
class Seconds:
    at: float = 0.0

    def __call__(self) -> float:
        return self.at


def test_a_burst_goes_at_once_and_the_rest_in_its_rhythm() -> None:
    clock = Seconds()
    limits = Limits(now=clock)
    waits = [limits.take("telegram", "42") for _ in range(5)]

    assert waits == pytest.approx([0, 0, 0, 1, 2])


def test_people_do_not_wait_for_each_other_below_the_channels_rate() -> None:
    limits = Limits(now=Seconds())

    assert [limits.take("telegram", str(n)) for n in range(30)] == [0.0] * 30
    assert limits.take("telegram", "31") == pytest.approx(1 / 30)


def test_what_would_wait_long_takes_nothing_and_may_come_back() -> None:
    clock = Seconds()
    limits = Limits(now=clock)
    for _ in range(CHANNEL_RATES["x"].burst):
        limits.take("x", "someone")

    asked = [limits.take("x", "someone") for _ in range(3)]
    assert asked == pytest.approx([9, 9, 9])
    clock.at += 9
    assert limits.take("x", "someone") == pytest.approx(0)


def test_a_pause_holds_one_channel_only_and_ends() -> None:
    clock = Seconds()
    limits = Limits(now=clock)
    limits.pause("telegram", 60)
    limits.pause("telegram", 10)

    assert limits.take("telegram", "1") == 60
    assert limits.take("sms", "1") == 0
    clock.at += 60 - LONGEST_WAIT
    assert limits.take("telegram", "1") == pytest.approx(LONGEST_WAIT)


def test_a_pause_of_twilios_holds_sms_and_whatsapp() -> None:
    limits = Limits(now=Seconds())
    limits.pause("sms", 30)

    assert limits.take("whatsapp", "1") == 30
    assert limits.take("telegram", "1") == 0


def test_a_channel_without_a_limit_never_waits() -> None:
    limits = Limits(now=Seconds())

    assert {limits.take("desk", "") for _ in range(1000)} == {0.0}


@given(
    each=st.floats(0.01, 10), burst=st.integers(1, 20), gaps=st.lists(st.floats(0, 20), min_size=1, max_size=60)
)
def test_no_stretch_of_time_ever_sees_more_than_burst_and_rate_allow(
    each: float, burst: int, gaps: list[float]
) -> None:
    bucket, now, left = Bucket(Rate(each=each, burst=burst)), 0.0, []
    for gap in gaps:
        now += gap
        leaves = now + bucket.wait(now)
        bucket.take(now)
        left.append(leaves)

    for first in range(len(left)):
        for last in range(first, len(left)):
            count, span = last - first + 1, max(left[first : last + 1]) - min(left[first : last + 1])
            assert count <= burst + span / each + 1e-6 + 1


@pytest.mark.parametrize(
    ("channel", "ids"), [("sms", 125), ("telegram", 30), ("email", 50), ("x", 10), ("desk", 150), ("queue", 150)]
)
def test_a_job_holds_what_may_leave_in_a_second(channel: str, ids: int) -> None:
    assert batch_of(channel) == ids
