"""A provider of accounts on loopback: discovery, authorize, token, keys, real RS256; it can be told to lie."""

import hashlib
import secrets
import socket
import threading
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus, urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT, SECRET = "lapor", "s3cret: of+the client"
Claims = dict[str, Any]


def as_it_is(claims: Claims) -> Claims:
    return claims


@dataclass
class StandIn:
    """Who comes with `person` as they are logged in there. `lies` changes an ID token's claims, `sign` signs them,
    `answers` changes what goes back to the desk, `says` what is published."""

    now: Callable[[], datetime]
    issuer: str = ""
    person: Claims = field(
        default_factory=lambda: {"sub": "u-1", "email": "siti@example.org", "email_verified": True}
    )
    lies: Callable[[Claims], Claims] = as_it_is
    answers: Callable[[Claims], Claims] = as_it_is
    says: Claims = field(default_factory=dict)
    sign: Callable[[Claims], str] | None = None
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "k1"}))
    codes: dict[str, Claims] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def discovery(self, request: Request) -> Response:
        at = self.issuer
        said = {"issuer": at, "authorization_endpoint": f"{at}/authorize", "token_endpoint": f"{at}/token"}
        said |= {"jwks_uri": f"{at}/keys", "end_session_endpoint": f"{at}/bye", "userinfo_endpoint": f"{at}/who"}
        return JSONResponse({**said, "authorization_response_iss_parameter_supported": True, **self.says})

    def keys(self, request: Request) -> Response:
        self.asked.append("keys")
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    def authorize(self, request: Request) -> Response:
        """As if they had logged in there and agreed."""
        asked = dict(request.query_params)
        assert asked["code_challenge_method"] == "S256"
        assert asked["response_type"] == "code"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.issuer}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(self.answers(back))}", status_code=302)

    async def token(self, request: Request) -> Response:
        form = await request.form()
        self.asked.append("token")
        said = b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
        assert [unquote_plus(each) for each in said.split(":")] == [CLIENT, SECRET]
        asked = self.codes.pop(str(form["code"]), None)  # good once
        digest = hashlib.sha256(str(form.get("code_verifier", "")).encode()).digest()
        proof = urlsafe_b64encode(digest).decode().rstrip("=")
        if asked is None or proof != asked["code_challenge"] or form["redirect_uri"] != asked["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        at = int(self.now().timestamp())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": at,
            "exp": at + 300,
            "nonce": asked["nonce"],
            **self.person,
        }
        token = (self.sign or self.signed)(self.lies(claims))
        return JSONResponse({"access_token": "a", "token_type": "Bearer", "id_token": token})

    def who(self, request: Request) -> Response:
        assert request.headers["authorization"] == "Bearer a"
        return JSONResponse({"sub": "u-1", "email": "siti@example.org", "email_verified": True})

    def signed(self, claims: Claims) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.discovery),
                Route("/keys", self.keys),
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
                Route("/who", self.who),
                Route("/bye", lambda request: Response("bye")),
                Route("/favicon.ico", lambda request: Response(status_code=204)),  # browsers ask for it
            ]
        )


@contextmanager
def provider(now: Callable[[], datetime]) -> Iterator[StandIn]:
    listener = socket.create_server(("127.0.0.1", 0))
    made = StandIn(now=now, issuer=f"http://127.0.0.1:{listener.getsockname()[1]}")
    server = uvicorn.Server(uvicorn.Config(made.app(), log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < deadline, "the provider did not start"
        time.sleep(0.01)
    try:
        yield made
    finally:
        server.should_exit = True
        thread.join(10)
