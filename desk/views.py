"""Saved views: a view of the queue under a name of one's own."""

from sqlalchemy import delete, func, select
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from desk.doors import Fields
from desk.rights import official_of
from desk.view import kept_query
from router.house import House
from store.desk import DeskView
from store.officials import DeskSession

MOST, LONGEST, LONGEST_QUERY = 20, 60, 1000  # views of one official, letters of a name and of an address


def views_of(house: House, login: DeskSession) -> list[DeskView]:
    with house.store.read() as session:
        query = select(DeskView).where(DeskView.officer_id == login.officer_id).order_by(DeskView.name)
        return list(session.scalars(query))


def save(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    """Keep the posted view under its name, in the place of one that has the name; no more than MOST."""
    me, name = login.officer_id, " ".join(fields.get("name", "").split())[:LONGEST]
    query = kept_query(official_of(login.officer), fields.get("query", ""), house.pack, me)
    with house.store.write() as session:
        kept = session.scalar(select(DeskView).where(DeskView.officer_id == me, DeskView.name == name))
        count = session.scalar(select(func.count()).where(DeskView.officer_id == me)) or 0
        if kept is not None:
            kept.query = query
        elif name and count < MOST and len(query) <= LONGEST_QUERY:
            session.add(DeskView(officer_id=me, name=name, query=query))
    return RedirectResponse(f"/desk{query}", status_code=303)


def drop(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    """Take one of their own views away."""
    said = fields.get("view", "")
    number = int(said) if said.isascii() and said.isdigit() and len(said) < 19 else 0
    with house.store.write() as session:
        session.execute(delete(DeskView).where(DeskView.id == number, DeskView.officer_id == login.officer_id))
    return RedirectResponse("/desk", status_code=303)
