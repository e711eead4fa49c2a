"""Who may hold how many connections, and how long a mail may take."""

import asyncio

import pytest

from channels.smtp_in import CONNECTION_LIMIT, PEER_LIMIT, Room, Smtp, peer_of


@pytest.mark.parametrize(
    ("host", "peer"),
    [
        ("8.8.8.8", "8.8.8.8"),
        ("::ffff:8.8.8.8", "8.8.8.8"),
        ("2a00:1450:4001:81b::200e", "2a00:1450:4001:81b::/64"),
        ("2a00:1450:4001:81b:ffff::1", "2a00:1450:4001:81b::/64"),
        ("127.0.0.1", ""),
        ("::1", ""),
        ("::ffff:10.0.0.7", ""),
        ("10.0.0.7", ""),
        ("fe80::1%eth0", ""),
        ("", ""),
        ("/run/socket", ""),
    ],
)
def test_a_peer_is_an_address_or_a_households_network_and_our_own_hosts_are_none(host: str, peer: str) -> None:
    assert peer_of(host) == peer


def test_one_host_cannot_hold_all_connections() -> None:
    room = Room()
    seats = [room.enter("8.8.8.8") for _ in range(CONNECTION_LIMIT)]

    assert len([seat for seat in seats if seat is not None]) == PEER_LIMIT
    assert room.enter("1.1.1.1") is not None


def test_a_relay_of_our_own_stands_for_many_and_may_hold_all() -> None:
    room = Room()
    seats = [room.enter("10.0.0.7") for _ in range(CONNECTION_LIMIT + 1)]

    assert seats == [""] * CONNECTION_LIMIT + [None]


def test_a_seat_that_is_left_is_given_again_and_nobody_is_remembered() -> None:
    room = Room(limit=1)
    assert room.enter("8.8.8.8") == "8.8.8.8"
    assert room.enter("1.1.1.1") is None
    room.leave("8.8.8.8")

    assert not room.seats
    assert room.enter("1.1.1.1") == "1.1.1.1"


@pytest.mark.parametrize(
    ("seconds", "heard", "left"),
    [
        (0.0, 0, 300.0),
        (299.0, 299, 1.0),  # a byte a second: five minutes in all
        (400.0, 400, 0.001),
        (1000.0, 10_485_760, 300.0),  # 10 KiB a second: as long as it comes
        (3400.0, 26_214_400, 100.0),
    ],
)
def test_a_mail_may_take_as_long_as_it_comes_at_a_walk(seconds: float, heard: int, left: float) -> None:
    loop = asyncio.new_event_loop()
    try:
        assert Smtp(None, hostname="h", loop=loop)._patience(seconds, heard) == pytest.approx(left, abs=0.05)
    finally:
        loop.close()
