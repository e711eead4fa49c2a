"""All addresses of the desk, the public pages and the Open311 API, to be mounted in the one web application."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from desk import (
    account,
    accuracy,
    admin,
    admin_accounts,
    admin_pack,
    admin_ways,
    agency_page,
    answers,
    area_pages,
    bulk,
    cap,
    card,
    card_answers,
    card_csv,
    copies,
    deeds,
    doors,
    explanations,
    export,
    feeds,
    follow,
    imports,
    invitations,
    joins,
    many,
    oidc,
    open311,
    open311_tokens,
    open311_updates,
    openapi,
    own,
    people,
    photos,
    public,
    queue,
    queue_map,
    report,
    report_forms,
    rights,
    rules,
    subscriptions,
    surge,
    thread,
    undo,
    views,
)
from desk import map as public_map
from desk.fresh import Pages, fresh
from desk.live import Live, stream
from desk.wire import HEADERS, SecurityHeaders
from router.house import House
from store.journal import Journal

STATIC = Path(__file__).resolve().parent / "static"
GUARDED = [Middleware(SecurityHeaders)]
UNFRAMED = {"X-Frame-Options", "Cross-Origin-Opener-Policy"}  # what a page in somebody's frame goes without
FRAMED = {name: said for name, said in HEADERS.items() if name not in UNFRAMED}
SMALLER = Middleware(GZipMiddleware, minimum_size=1000)  # only where no secret and nobody's own words go out


def routes(house: House, journal: Journal | None = None, live: Live | None = None) -> list[BaseRoute]:
    """The routes of this installation; each answer carries the security headers. `journal`: this server's own;
    `live` keeps the open streams."""
    return [
        *_public(house),
        *_desk(house),
        *_looks(house, live or Live(house)),
        *_admin(house, journal),
        *_account(house),
        *_accounts(house),
        *_open311(house),
    ]


def _get(path: str, endpoint: Callable[[Request], Any]) -> Route:
    return Route(path, endpoint, methods=["GET"], middleware=GUARDED)


def _post(path: str, endpoint: Callable[[Request], Any]) -> Route:
    return Route(path, endpoint, methods=["POST"], middleware=GUARDED)


def _public(house: House) -> list[BaseRoute]:
    return [
        _get("/history-head.json", partial(public.history_head, house)),
        _get("/r", partial(public.find, house)),
        _get("/r/{code}/o/{token}", partial(own.own_page, house)),
        _get("/r/{code}/photos/{number}", photos.apart(partial(photos.public_photo, house))),
        _get("/a/photo/{name}", photos.apart(partial(agency_page.photo, house))),
        _get("/a/{name}", partial(agency_page.page, house)),
        _post("/a/{name}", agency_page.posted(house)),
        _get("/report", partial(own.form, house)),
        _get("/report-worker.js", partial(own.worker, house)),
        _get("/manifest.webmanifest", partial(own.manifest, house)),
        _get("/report/{token}", partial(own.after_posting, house)),
        *_own_data(house),
        *_following(house),
        *_window(house),
    ]


def _own_data(house: House) -> list[BaseRoute]:
    """What a person fetches about themselves."""
    return [
        _get("/copy/{token}", partial(copies.page, house)),
        _post("/copy/{token}", partial(copies.download, house)),
    ]


def _following(house: House) -> list[BaseRoute]:
    """An area's news by mail."""
    return [
        _post("/area/{code}/follow", follow.signing_up(house)),
        _get("/follow/{token}", partial(follow.page, house)),
        _post("/follow/{token}", partial(follow.press, house)),
    ]


def _window(house: House) -> list[BaseRoute]:
    """The public's map and lists, and the same for other programs."""
    pages: dict[str, Callable[[House, Request], Response]] = {
        "/": public.home,
        "/r/{code}": public.report_page,
        "/rapor": card.front,
        "/rapor.csv": card_csv.table,
        "/rapor/{agency}": card.agency_page,
        "/rapor/{agency}/{kind}": card.reports_page,
        "/map.json": public_map.map_json,
        "/map/areas.json": public_map.outlines,
        "/area/{code}": area_pages.area_page,
        "/area/{code}/feed.atom": feeds.feed,
        "/feed.atom": feeds.feed,
        "/reports.geojson": feeds.geojson,
        "/reports.csv": feeds.table,
        "/cap.atom": cap.feed,
        "/cap/{id}.xml": cap.alert,
        "/openapi.json": openapi.openapi_json,
        "/api": openapi.api_page,
    }
    framed, kept = [Middleware(SecurityHeaders, headers=FRAMED)], Pages()
    return [
        *(_get(path, fresh(house, kept, work)) for path, work in pages.items()),
        _get("/data/{name}", partial(bulk.data_file, house)),
        Route("/embed", fresh(house, kept, public.embed), methods=["GET"], middleware=framed),
    ]


def _desk(house: House) -> list[BaseRoute]:
    def pressed(work: report_forms.Work) -> Callable[[Request], Any]:
        return doors.posted(house, report_forms.pressed(work))

    return [
        Mount("/desk/static", StaticFiles(directory=STATIC), middleware=[*GUARDED, SMALLER]),
        _get("/desk", partial(queue.front, house)),
        _get("/desk/queue", doors.inside(house, queue.queue_part)),
        _post("/desk/login", doors.log_in(house)),
        _post("/desk/logout", doors.posted(house, doors.log_out, with_any_password=True)),
        _get("/desk/password", partial(doors.password_page, house)),
        _post("/desk/password", doors.posted(house, doors.change_password, with_any_password=True)),
        _get("/desk/photos/{id}", photos.apart(doors.inside(house, photos.photo))),
        _get("/desk/photos/{id}/{part}", photos.apart(doors.inside(house, photos.photo_part))),
        _get("/desk/r/{code}", doors.inside(house, report.report_page)),
        _post("/desk/r/{code}", doors.uploaded(house, report_forms.move)),
        _post("/desk/many", doors.posted(house, many.move_many)),
        _post("/desk/undo", doors.posted(house, undo.press)),
        _post("/desk/views", doors.posted(house, views.save)),
        _post("/desk/views/drop", doors.posted(house, views.drop)),
        _post("/desk/r/{code}/answer", pressed(answers.answer)),
        _post("/desk/r/{code}/preview", pressed(answers.preview)),
        _post("/desk/r/{code}/note", pressed(answers.note)),
        _post("/desk/r/{code}/contact", pressed(deeds.look)),
        _get("/desk/deeds", doors.inside(house, deeds.deeds_page)),
        _post("/desk/r/{code}/take", pressed(people.take)),
        _post("/desk/r/{code}/not-ours", doors.posted(house, report_forms.give_away)),
        _post("/desk/r/{code}/service", doors.posted(house, report_forms.correct)),
        _post("/desk/r/{code}/place", doors.posted(house, report_forms.put_in_place)),
        _post("/desk/r/{code}/join", pressed(joins.posted_join)),
        _post("/desk/r/{code}/apart", pressed(joins.posted_apart)),
        _post("/desk/r/{code}/photos", doors.posted(house, photos.show)),
        _get("/desk/rapor", doors.inside(house, card_answers.page)),
        _post("/desk/rapor", doors.posted(house, card_answers.answer)),
        _get("/desk/surge/{id}", doors.inside(house, surge.surge_page)),
        _post("/desk/surge/{id}", doors.posted(house, surge.move)),
        _post("/desk/surge/{id}/out", doors.posted(house, surge.out)),
        _post("/desk/surge/{id}/undo", doors.posted(house, surge.undo)),
        _post("/desk/r/{code}/explanation", doors.posted(house, explanations.explain)),
        _get("/desk/r/{code}/thread", doors.inside(house, thread.thread_part)),
        _get("/desk/rules", doors.inside(house, rules.rules_page)),
        _post("/desk/rules", doors.posted(house, rules.take)),
        _post("/desk/rules/back", doors.posted(house, rules.back)),
    ]


def _looks(house: House, live: Live) -> list[BaseRoute]:
    """The queue as a map, and what keeps open pages new."""
    return [
        _get("/desk/live", stream(live)),
        _get("/desk/map.json", doors.inside(house, queue_map.map_json)),
    ]


def _admin(house: House, journal: Journal | None) -> list[BaseRoute]:
    """What admins (and, to read, auditors) have beside the desk, and the queue as a file."""
    at = "/desk/admin"
    look, may = partial(admin.only, rights.may_look_on), partial(admin.only, rights.may_administer)
    reads = {
        "/owed": admin.owed,
        "/agencies": admin_ways.agencies,
        "/ways/{number}": admin_ways.way,
        "/pack": admin_pack.pack_page,
        "/pack/{code}": admin_pack.service_page,
        "/texts": admin_pack.texts_page,
        "/try": admin_pack.try_page,
        "/accuracy": accuracy.page,
    }
    return [
        _get(at, doors.inside(house, admin.overview(journal))),
        *(_get(at + path, doors.inside(house, look(work))) for path, work in reads.items()),
        _post(at + "/replay", doors.posted(house, admin.replay(journal))),
        _post(at + "/ways", doors.posted(house, may(admin_ways.add))),
        _post(at + "/ways/{number}/{what}", doors.posted(house, may(admin_ways.move))),
        _post(at + "/try", doors.uploaded(house, look(admin_pack.try_it))),
        _get(at + "/import", doors.inside(house, may(imports.page))),
        _post(at + "/import", doors.uploaded(house, may(imports.take))),
        _get("/desk/deeds.csv", doors.inside(house, deeds.deeds_table)),
        _get("/desk/export.{form}", doors.inside(house, export.plain)),
        _post("/desk/export", doors.posted(house, export.personal)),
    ]


def _account(house: House) -> list[BaseRoute]:
    """An official's own account, and the second step of the log-in."""
    return [
        _post("/desk/login/code", doors.log_in_code(house)),
        _get("/desk/account", partial(account.page, house)),
        _post("/desk/account", doors.posted(house, account.confirm, with_any_password=True)),
        _post("/desk/account/codes", doors.posted(house, account.new_codes)),
        _post("/desk/account/out", doors.posted(house, account.log_out_everywhere, with_any_password=True)),
    ]


def _accounts(house: House) -> list[BaseRoute]:
    """Everybody's accounts, for admins, and the invitations to them."""
    may = partial(admin.only, rights.may_administer)
    return [
        _get("/desk/accounts", doors.inside(house, may(admin_accounts.accounts_page))),
        _post("/desk/accounts", doors.posted(house, may(admin_accounts.add))),
        _post("/desk/accounts/{what}", doors.posted(house, may(admin_accounts.move))),
        _get("/desk/invitation/{token}", partial(invitations.page, house)),
        _post("/desk/invitation/{token}", doors.posted_by_anybody(house, invitations.taken)),
        *(_get(path, page) for path, page in oidc.pages(house).items()),
    ]


def _open311(house: House) -> list[BaseRoute]:
    at = "/open311/v2"
    reads: dict[str, Callable[[House, Request], Response]] = {
        "/discovery.{format}": open311.discovery,
        "/services.{format}": open311.services,
        "/services/{service_code}.{format}": open311.service,
        "/requests.{format}": open311.requests,
        "/requests/{code}.{format}": open311.request,
        "/servicerequestupdates.{format}": open311_updates.updates,
    }
    return [
        *(_get(at + path, open311.reader(house, work)) for path, work in reads.items()),
        _get(at + "/photos/{id}", photos.apart(open311.reader(house, open311.photo))),
        _get(at + "/tokens/{token}.{format}", open311_tokens.waiting(house)),
        _post(at + "/servicerequestupdates.{format}", open311_updates.writer(house)),
        *_subscriptions(house, at + "/subscriptions"),
    ]


def _subscriptions(house: House, at: str) -> list[BaseRoute]:
    """A key's own webhooks."""
    one = at + "/{id}.{format}"
    return [
        _get(at + ".{format}", subscriptions.with_key(house, subscriptions.mine)),
        _post(at + ".{format}", subscriptions.with_key(house, subscriptions.subscribe)),
        _post(one, subscriptions.with_key(house, subscriptions.open_one)),
        Route(
            one,
            subscriptions.with_key(house, subscriptions.unsubscribe),
            methods=["DELETE"],
            middleware=GUARDED,
        ),
    ]
