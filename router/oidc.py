"""The city's own log-in (OpenID Connect, code flow with PKCE): where to lead an official, and who came back."""

import hmac
import json
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote_plus, urlencode

import httpx
from authlib.common.errors import AuthlibBaseError
from authlib.oauth2 import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from channels.fetch import proxy_for, tls
from channels.impatient import Call
from config.settings import Settings, is_safe_issuer

ALGORITHMS = ["RS256", "PS256", "ES256"]  # never `none`, and none whose key is a secret that both sides know
LEEWAY = 60  # seconds that clocks may differ by
LARGEST = 200_000  # bytes of an answer
SECONDS = 10.0
KEPT, AGAIN = timedelta(hours=1), timedelta(minutes=1)  # how long its papers are believed; and asked for at most
NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class ProviderRefusedError(Exception):
    """What came back proves nobody; the message says why, in words that hold nothing of it."""


class ProviderAwayError(Exception):
    """The provider does not answer as one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Flow:
    """What one log-in is known by, on its way there and back."""

    state: str
    nonce: str
    verifier: str


def flow_of(key: bytes, said: str) -> Flow:
    """All three come from what this browser's cookie says, by our key: whoever has not both can make none."""

    def derived(what: str) -> str:
        digest = hmac.digest(key, f"{what}\0{said}".encode(), "sha256")
        return urlsafe_b64encode(digest).decode().rstrip("=")

    return Flow(state=derived("state"), nonce=derived("nonce"), verifier=derived("verifier"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Who:
    """Somebody whom the provider knows. `mail` only where it has verified the address."""

    issuer: str
    subject: str
    mail: str | None


@dataclass(frozen=True, slots=True)
class Papers:
    """What the provider publishes of itself, and when it was asked."""

    says: dict[str, Any]
    keys: KeySet
    at: datetime


class Provider:
    """OIDC_ISSUER. Its papers are asked for once an hour, and again when a key is not among them."""

    def __init__(self, settings: Settings, now: Callable[[], datetime]) -> None:
        assert settings.oidc_issuer is not None  # noqa: S101  (has_oidc)
        assert settings.oidc_client_id is not None  # noqa: S101
        self._issuer, self._client_id = settings.oidc_issuer, settings.oidc_client_id
        self._secret = settings.oidc_client_secret or ""
        self._back = f"{settings.base_url}/desk/login/oidc/back"
        self._desk = f"{settings.base_url}/desk"
        self._now = now
        self._papers: Papers | None = None

    def papers(self, older_than: timedelta = KEPT) -> Papers:
        """Raises ProviderAwayError."""
        kept = self._papers
        if kept is None or self._now() - kept.at > older_than:
            with _client(self._issuer) as client:
                says = discovered(client, self._issuer)
                keys = _keys(_asked(client, says["jwks_uri"]))
            kept = self._papers = Papers(says, keys, self._now())
        return kept

    def there(self, flow: Flow) -> str:
        """The address that the official goes to. Raises ProviderAwayError."""
        endpoint = self.papers().says["authorization_endpoint"]
        client = OAuth2Client(
            None, self._client_id, scope="openid email", redirect_uri=self._back, code_challenge_method="S256"
        )
        url, _ = client.create_authorization_url(
            endpoint, state=flow.state, nonce=flow.nonce, code_verifier=flow.verifier
        )
        return str(url)

    def log_out(self) -> str | None:
        """Where they log out there, too (RP-Initiated Logout 1.0); None where it has no such page."""
        endpoint = self.papers().says.get("end_session_endpoint")
        if not isinstance(endpoint, str) or not is_safe_issuer(endpoint):
            return None
        return f"{endpoint}?{urlencode({'client_id': self._client_id, 'post_logout_redirect_uri': self._desk})}"

    def who(self, flow: Flow, code: str, issuer: str | None) -> Who:
        """Who came back with this code; `issuer` is the answer's `iss` (RFC 9207: answers are not mixed up).

        Raises ProviderRefusedError, ProviderAwayError.
        """
        papers = self.papers()
        must_say = papers.says.get("authorization_response_iss_parameter_supported") is True
        if issuer != self._issuer and (must_say or issuer is not None):
            raise ProviderRefusedError("the answer is another provider's")
        with _client(self._issuer) as client:
            token = self._token(client, papers, flow, code)
            claims = self._claims(token, flow)
            if "email" not in claims and "userinfo_endpoint" in papers.says:
                claims |= self._more(client, papers, token, claims["sub"])
        is_verified = claims.get("email_verified") is True and isinstance(claims.get("email"), str)
        return Who(issuer=self._issuer, subject=claims["sub"], mail=claims["email"] if is_verified else None)

    def _token(self, client: httpx.Client, papers: Papers, flow: Flow, code: str) -> dict[str, Any]:
        methods = papers.says.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        by_body = "client_secret_basic" not in methods and "client_secret_post" in methods
        secret = {"client_id": self._client_id, "client_secret": self._secret} if by_body else {}
        # RFC 6749, 2.3.1: both are form-encoded first
        basic = httpx.BasicAuth(quote_plus(self._client_id), quote_plus(self._secret))
        asking = OAuth2Client(client, self._client_id, self._secret, redirect_uri=self._back)
        try:
            token = asking.fetch_token(
                papers.says["token_endpoint"],
                grant_type="authorization_code",
                code=code,
                code_verifier=flow.verifier,
                redirect_uri=self._back,
                auth=_no_auth if by_body else basic,
                **secret,
            )
        except AuthlibBaseError:
            raise ProviderRefusedError("the code is not good") from None
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise ProviderAwayError(type(error).__name__) from None
        if not isinstance(token.get("id_token"), str):
            raise ProviderRefusedError("there is no ID token")
        return dict(token)

    def _claims(self, token: dict[str, Any], flow: Flow) -> dict[str, Any]:
        """The ID token's claims, once all of OpenID Connect Core 3.1.3.7 is right."""
        read = self._read(token["id_token"])
        wanted = {
            "iss": {"essential": True, "value": self._issuer},
            "aud": {"essential": True, "value": self._client_id},
        }
        params = {"nonce": flow.nonce, "client_id": self._client_id, "access_token": token.get("access_token")}
        claims = CodeIDToken(read.claims, read.header, wanted, params)
        try:
            claims.validate(now=int(self._now().timestamp()), leeway=LEEWAY)
        except (JoseError, AuthlibBaseError, ValueError, TypeError) as error:
            raise ProviderRefusedError(f"the ID token is wrong: {type(error).__name__}") from None
        if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
            raise ProviderRefusedError("the ID token names nobody")
        return dict(claims)

    def _read(self, token: str) -> jwt.Token:
        """A token whose signature is right; with a key that is not known the provider is asked once more."""
        papers = self.papers()
        try:
            return jwt.decode(token, papers.keys, algorithms=ALGORITHMS)
        except (JoseError, ValueError, TypeError):
            newer = self.papers(older_than=AGAIN)
        if newer is not papers:
            try:
                return jwt.decode(token, newer.keys, algorithms=ALGORITHMS)
            except (JoseError, ValueError, TypeError):
                pass
        raise ProviderRefusedError("the ID token's signature is wrong")

    def _more(self, client: httpx.Client, papers: Papers, token: dict[str, Any], subject: str) -> dict[str, Any]:
        """The address, from a provider that does not put it into its ID token; only of the same person (5.3.2)."""
        headers = {"Authorization": f"Bearer {token.get('access_token')}"}
        said = _asked(client, papers.says["userinfo_endpoint"], headers)
        if said.get("sub") != subject:
            raise ProviderRefusedError("the provider speaks of somebody else")
        return {name: said.get(name) for name in ("email", "email_verified")}


def _no_auth(request: httpx.Request) -> httpx.Request:
    return request


def _client(issuer: str) -> httpx.Client:
    anew = httpx.Limits(max_keepalive_connections=0)  # each time: _Bounded sees each connection when it is made
    way = httpx.HTTPTransport(verify=tls(), proxy=proxy_for(issuer), limits=anew)
    return httpx.Client(timeout=SECONDS, follow_redirects=False, transport=_Bounded(way))


def _note(call: Call, event: str, what: Mapping[str, Any]) -> None:
    """https://www.encode.io/httpcore/extensions/#trace"""
    if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
        call.goes_over(what["return_value"].get_extra_info("socket"))


class _Bounded(httpx.BaseTransport):
    """Answers of at most LARGEST bytes as they come over the wire, which are whole within SECONDS."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.headers["Accept-Encoding"] = "identity"
        call = Call()
        request.extensions = {**request.extensions, "trace": partial(_note, call)}
        watch = threading.Timer(SECONDS, call.cut)  # httpx's own limit is for each silence
        watch.daemon = True
        watch.start()
        try:
            return call.run(partial(self._whole, request))
        finally:
            watch.cancel()

    def _whole(self, request: httpx.Request) -> httpx.Response:
        answer = self._inner.handle_request(request)
        body = bytearray()
        for chunk in answer.stream:  # type: ignore[union-attr]
            body += chunk
            if len(body) > LARGEST:
                answer.close()
                raise httpx.DecodingError("the answer is too large", request=request)
        answer.close()
        return httpx.Response(answer.status_code, headers=answer.headers, content=bytes(body), request=request)

    def close(self) -> None:
        self._inner.close()


def discovered(client: httpx.Client, issuer: str) -> dict[str, Any]:
    """What it says of itself (OpenID Connect Discovery 1.0, 4.3: its own name first). Raises ProviderAwayError."""
    says = _asked(client, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    if says.get("issuer") != issuer:
        raise ProviderAwayError("it calls itself otherwise than OIDC_ISSUER")
    for name in (*NEEDED, *({"userinfo_endpoint"} & says.keys())):
        if not isinstance(says.get(name), str) or not is_safe_issuer(says[name]):
            raise ProviderAwayError(f"its {name} is no https address")
    return says


def _asked(client: httpx.Client, url: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    try:
        answer = client.get(url, headers=headers)
        said = json.loads(answer.content)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise ProviderAwayError(type(error).__name__) from None
    if answer.status_code != 200 or not isinstance(said, dict):
        raise ProviderAwayError(f"it answers {answer.status_code}")
    return said


def _keys(said: dict[str, Any]) -> KeySet:
    try:
        return KeySet.import_key_set(said)  # type: ignore[arg-type]
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise ProviderAwayError("its keys cannot be read") from None


def say_provider(settings: Settings) -> str:
    """For `check`: the provider answers. Raises ProviderAwayError."""
    if not settings.has_oidc or settings.oidc_issuer is None:
        return "passwords only (OIDC_ISSUER)"
    with _client(settings.oidc_issuer) as client:
        discovered(client, settings.oidc_issuer)
    return f"passwords, and {settings.oidc_issuer}, which answers"
