""" "Not ours": the second choice gets the report, its citizen hears the name, and what recurs is offered as a rule."""

import pytest
from sqlalchemy import event

from router.not_ours import next_choice, not_ours
from router.rules import give_back, offers, take_rule
from router.status import Actor, NotAllowed
from store.models import Holding, Report, StatusUpdate
from store.routes import list_rules
from tests.unit.houses import CITIZEN, OFFICER, WHOLE, Town, another

CABLES = "kabel menjuntai di Jl. Manggarai Utara {}, Kelurahan Manggarai"
ADMIN = "officer:admin"
TELCO = ("kabel_utilitas", "dbm", "telco")


def give_away(town: Town, number: int = -1, by: Actor = OFFICER, notes: str = "") -> None:
    chosen = town.reports()[number].id
    with town.house.store.write() as session:
        not_ours(session, session.get_one(Report, chosen), by=by, house=town.house, notes=notes)


def tell_of_cables(town: Town, count: int) -> None:
    """Each from a citizen of its own, and from a house of its own."""
    for _ in range(count):
        number = len(town.reports()) + 1
        town.tell(CABLES.format(number), sender=f"+62855{number:04}")
        town.clock.on(hours=1)


def passed_on(town: Town, count: int, *, kept: bool = True) -> None:
    """So many cables that Bina Marga gave to the telephone companies."""
    for _ in range(count):
        tell_of_cables(town, 1)
        give_away(town)
        if not kept:
            town.move("assigned", agency_id="pln")


def offered(town: Town) -> list[tuple[str, str, str]]:
    with town.house.store.read() as session:
        found = offers(session, town.house)
    return [(each.passed.service_code, each.passed.agency_id, each.passed.to_agency_id) for each in found]


def take(town: Town, wanted: tuple[str, str, str] = TELCO) -> int | None:
    with town.house.store.write() as session:
        rule = take_rule(session, town.house, wanted, ADMIN)
        return rule.id if rule else None


# --- the press ------------------------------------------------------------------------------------------------


def test_the_second_choice_gets_the_report_and_the_citizen_hears_its_name(town: Town) -> None:
    tell_of_cables(town, 1)
    assert town.report().agency_id == "dbm"
    give_away(town, notes="Kabel ini milik operator.")

    report = town.report()
    assert (report.status, report.agency_id) == ("assigned", "telco")
    told = town.answers()[-1]
    assert "Operator telekomunikasi" in told
    assert "Bukan wewenang Dinas Bina Marga" in told
    line = town.rows(StatusUpdate)[-1]
    assert (line.agency_id, line.by) == ("telco", "officer:sri")
    assert line.notes == "Bukan wewenang Dinas Bina Marga. Kabel ini milik operator."


def test_an_english_citizen_is_told_in_english(town: Town) -> None:
    town.tell("Hanging cables on Jl. Manggarai Utara 2, Kelurahan Manggarai, please fix them", channel="telegram")
    give_away(town)
    assert "passed to" in town.answers()[-1]
    assert "not the business of Dinas Bina Marga" in town.answers()[-1]


def test_whoever_had_it_never_gets_it_again_and_at_the_end_the_coordinator_decides(town: Town) -> None:
    tell_of_cables(town, 1)
    had = ["dbm"]
    for _ in range(3):
        give_away(town)
        had.append(town.report().agency_id or "")

    assert had == ["dbm", "telco", "pln", "biropem"]
    assert "di sana diputuskan siapa yang menangani" in town.answers(channel="sms")[-1]
    before = len(town.history())
    with pytest.raises(NotAllowed):
        give_away(town)
    assert (town.report().agency_id, len(town.history())) == ("biropem", before)


def test_what_a_hand_passed_on_counts_as_had(town: Town) -> None:
    tell_of_cables(town, 1)
    town.move("assigned", agency_id="telco")
    give_away(town)
    assert town.report().agency_id == "pln"


def test_a_service_without_a_second_choice_goes_to_the_coordinator(town: Town) -> None:
    town.tell(WHOLE)
    give_away(town)
    assert town.report().agency_id == "biropem"


def test_a_report_of_no_service_goes_to_the_coordinator(town: Town) -> None:
    town.tell(WHOLE)
    with town.house.store.write() as session:
        session.get_one(Report, town.report().id).service_code = None
    give_away(town)
    assert town.report().agency_id == "biropem"


def test_a_wrong_hand_is_put_right_by_the_rules(town: Town) -> None:
    """The routing's own answer comes first where it did not have the report yet."""
    town.tell("eskalator stasiun Manggarai mati")
    assert town.report().agency_id == "kci"
    give_away(town)
    assert town.report().agency_id == "transjakarta"


@pytest.mark.parametrize("status", ["resolved", "rejected", "closed"])
def test_a_finished_report_is_not_given_away(town: Town, status: str) -> None:
    tell_of_cables(town, 1)
    town.move(status, by=CITIZEN if status == "closed" else OFFICER, notes="Sudah")
    with pytest.raises(NotAllowed):
        give_away(town)
    assert (town.report().status, town.report().agency_id) == (status, "dbm")


def test_a_report_that_nobody_has_is_not_given_away(town: Town) -> None:
    town.tell("tolong dicek dong di Jl. Manggarai Utara 2, Kelurahan Manggarai")
    town.wait_quietly()
    assert town.report().agency_id is None
    with town.house.store.read() as session:
        assert next_choice(session, town.report(), town.house) is None


def test_it_is_remembered_per_agency_and_service(town: Town) -> None:
    tell_of_cables(town, 1)
    give_away(town)
    first, second = town.rows(Holding)
    assert (first.state, first.passed_to, first.service_code, first.agency_id) == (
        "passed_on",
        "telco",
        *TELCO[:2],
    )
    assert (second.state, second.until) == ("assigned", None)


# --- what recurs ----------------------------------------------------------------------------------------------


def test_a_rule_is_offered_when_it_recurs_with_its_evidence(town: Town) -> None:
    passed_on(town, 4)
    assert offered(town) == []
    passed_on(town, 1)
    town.move("accepted")

    assert offered(town) == [TELCO]
    with town.house.store.read() as session:
        (offer,) = offers(session, town.house)
    one = offer.passed
    assert (one.held, one.passed, one.kept, one.acted) == (5, 5, 5, 1)
    assert list(offer.codes) == [report.code for report in reversed(town.reports())]


def test_it_is_not_offered_where_the_agency_keeps_more_than_a_fifth(town: Town) -> None:
    passed_on(town, 6)
    tell_of_cables(town, 1)
    assert offered(town) == [TELCO]  # 6 of 7
    tell_of_cables(town, 1)
    assert offered(town) == []  # 6 of 8


@pytest.mark.parametrize("what", ["passed on", "rejected"])
def test_it_is_not_offered_where_the_other_did_not_keep_them(town: Town, what: str) -> None:
    passed_on(town, 4)
    passed_on(town, 1, kept=what == "rejected")
    if what == "rejected":
        town.move("rejected", notes="Bukan kabel kami")
    assert offered(town) == []


def test_it_is_forgotten_after_the_packs_days(town: Town) -> None:
    passed_on(town, 5)
    town.clock.on(days=29)
    assert offered(town) == [TELCO]
    town.clock.on(days=2)
    assert offered(town) == []


def test_a_service_that_was_put_right_is_no_reason_for_a_rule(town: Town) -> None:
    from router.corrections import correct_service

    for number in range(6):
        town.tell(another(number), sender=f"+62866{number:04}")
        with town.house.store.write() as session:
            report = session.get_one(Report, town.reports()[-1].id)
            correct_service(session, report, "sampah", by=OFFICER, house=town.house)
    assert [held.state for held in town.rows(Holding, agency_id="dbm")] == ["passed_on"] * 6
    assert offered(town) == []


def test_a_taken_rule_sends_the_next_report_there_and_is_not_offered_again(town: Town) -> None:
    passed_on(town, 5)
    assert take(town) is not None
    assert offered(town) == []
    town = town.again()
    tell_of_cables(town, 1)

    assert town.reports()[-1].agency_id == "telco"
    with town.house.store.read() as session:
        (rule,) = list_rules(session)
    assert (rule.service_code, rule.agency_id, rule.to_agency_id, rule.by) == (*TELCO, ADMIN)


def test_a_rule_taken_back_leaves_everything_as_before(town: Town) -> None:
    passed_on(town, 5)
    number = take(town)
    assert number is not None
    with town.house.store.write() as session:
        assert give_back(session, number) is not None
    with town.house.store.write() as session:
        assert give_back(session, number) is None
    tell_of_cables(town, 1)
    assert town.reports()[-1].agency_id == "dbm"


@pytest.mark.parametrize("wanted", [("kabel_utilitas", "dbm", "pln"), ("", "", ""), ("sampah", "dlh", "telco")])
def test_what_is_not_offered_is_not_taken(town: Town, wanted: tuple[str, str, str]) -> None:
    passed_on(town, 5)
    assert take(town, wanted) is None
    with town.house.store.read() as session:
        assert list_rules(session) == []


def test_two_rules_never_make_a_circle(town: Town) -> None:
    passed_on(town, 5)
    take(town)
    for _ in range(6):  # now the companies give theirs back to Bina Marga, who keeps them
        tell_of_cables(town, 1)
        town.move("assigned", agency_id="dbm")
        town.move("accepted")
    assert town.rows(Holding, agency_id="telco", state="passed_on", passed_to="dbm")
    assert offered(town) == []


def test_only_the_last_weeks_holdings_are_looked_at(town: Town) -> None:
    passed_on(town, 5)
    asked: list[tuple[str, object]] = []
    note = lambda connection, cursor, statement, values, *_: asked.append((statement, values))  # noqa: E731
    event.listen(town.house.store.engine, "before_cursor_execute", note)
    assert offered(town) == [TELCO]
    event.remove(town.house.store.engine, "before_cursor_execute", note)
    of_holdings = [each for each in asked if "FROM holdings" in each[0]]
    assert len(of_holdings) == 3
    with town.house.store.engine.connect() as connection:
        for statement, values in of_holdings:
            plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).fetchall())
            assert "SCAN holdings" not in plan
            assert "ix_holdings_since" in plan
