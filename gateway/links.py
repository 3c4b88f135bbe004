"""The short link that people share: `/s/{token}` leads to where the stored link leads, and counts the visit."""

import re
from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, unquote, urlencode, urlsplit, urlunsplit

from bowen.distribution.v1 import ripple_pb2
from bowen.distribution.v1 import ripple_service_pb2 as pb

from chassis.caller import Call, acting, service
from chassis.errors import InvalidArgument, NotFound, Refusal
from chassis.ids import new_id
from gateway.auth.cache import Cache
from gateway.backends import NAME
from gateway.derived import Edge
from gateway.http import HTML, Header, Request, Response
from gateway.limits import Limiter
from gateway.problems import problem, retry_after, status_of
from gateway.touches import Touches

TOKENS_MAX = 100_000
FOREVER_S = float("inf")
COOKIE = "bowen_vid"
COOKIE_SECONDS = 365 * 86_400
_TOKEN = re.compile(r"[0-9A-Za-z]{1,64}").fullmatch
_VISITOR = re.compile(r"[0-9A-Za-z._:-]{1,100}").fullmatch
_URL_SAFE = "%/:=&?~#+!$,;'@()*[]"

GetLink = Callable[[pb.GetShareLinkRequest], Awaitable[pb.GetShareLinkResponse]]


class Links:
    """Redirects. A link never changes, so a target that was seen once answers also while distribution is down.

    Targets come from stored links only, never from the request: this is no open redirect.
    """

    def __init__(
        self,
        get_link: GetLink,
        touches: Touches,
        edge: Edge,
        limiter: Limiter,
        *,
        hosts: tuple[str, ...] = (),
        secure: bool,
    ) -> None:
        self._get_link, self._touches, self._edge, self._limiter = get_link, touches, edge, limiter
        self._hosts = frozenset(hosts)
        self._secure = secure
        self._targets: Cache[str, str] = Cache(TOKENS_MAX)

    async def follow(self, request: Request) -> Response:
        """Answer 302, whoever asks; count the visit unless it is only looked at or fetched ahead."""
        self._limiter.admit(request.address)
        token = request.values["token"]
        target = await self._target(token)
        touch_id, (visitor, is_named_by_link) = str(new_id()), _visitor(request)
        if _is_visit(request):
            with self._edge.at(request):
                touch = ripple_pb2.Touch(touch_id=touch_id, token=token, visitor_id=visitor)
                touch.touch_time.FromDatetime(self._edge.clock.now())
            self._touches.add(touch)
        headers: tuple[Header, ...] = (
            (b"location", location(target, touch_id, visitor).encode("ascii")),
            (b"cache-control", b"no-store"),
        )
        if not is_named_by_link:
            headers += ((b"set-cookie", self._cookie(visitor)),)
        return Response(302, headers=headers)

    async def _target(self, token: str) -> str:
        if not _TOKEN(token):
            raise NotFound("no link has this token")
        known = self._targets.get(token)
        if known is not None:
            return known
        with acting(Call(service(NAME))):
            response = await self._get_link(pb.GetShareLinkRequest(token=token))
        target = response.share_link.target_url
        if not self._may_lead_to(target):
            raise NotFound("the link leads nowhere that is allowed")
        self._targets.put(token, target, FOREVER_S)
        return target

    def _may_lead_to(self, target: str) -> bool:
        try:
            parts = urlsplit(target)
        except ValueError:
            return False
        host = parts.hostname
        return parts.scheme in ("http", "https") and bool(host) and (not self._hosts or host in self._hosts)

    def _cookie(self, visitor: str) -> bytes:
        text = f"{COOKIE}={visitor}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Lax"
        return (text + "; Secure" if self._secure else text).encode("ascii")


def refused(refusal: Refusal) -> Response:
    """A page for a person, with the status of the refusal."""
    plain, status = problem(refusal), status_of(refusal)
    if status in (400, 404):
        text = "This link does not exist." if status == 404 else "This cannot be asked of a link."
        return plain._replace(body=_page(text), content_type=HTML)
    seconds = retry_after(refusal) or 2
    headers = ((b"retry-after", str(seconds).encode()),)
    return Response(plain.status if plain.status == 429 else 503, _page("Please try again in a moment."), HTML, headers)


def location(target: str, touch_id: str, visitor: str) -> str:
    """The target with the visit's id (for shares that follow from it) and the visitor's id; all else stays."""
    parts = urlsplit(target)
    marks = urlencode({"bowen_touch": touch_id, "bowen_visitor": visitor})
    query = f"{parts.query}&{marks}" if parts.query else marks
    return quote(urlunsplit(parts._replace(query=query, path=parts.path or "/")), safe=_URL_SAFE)


def _visitor(request: Request) -> tuple[str, bool]:
    """Who visits, and whether only the link says so: as the cookies know it, else as the link's `v` says, else new.

    The cookies go first, and what a link says never becomes a cookie: else whoever passes on a link with a `v` of
    their own would rename the browsers of all who follow it.
    """
    cookies = _cookies(request.header(b"cookie"))
    for known in (cookies.get(COOKIE, ""), unquote(cookies.get("ajs_anonymous_id", "")).strip('"')):
        if _VISITOR(known):
            return known, False
    try:
        named = dict(request.query()).get("v", "")
    except InvalidArgument:  # no text: whoever follows the link did not write it
        named = ""
    return (named, True) if _VISITOR(named) else (str(new_id()), False)


def _cookies(text: str) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(text).items()}
    except CookieError:
        return {}


def _is_visit(request: Request) -> bool:
    ahead = request.header(b"sec-purpose") + request.header(b"purpose")
    return request.method == "GET" and "prefetch" not in ahead


def _page(text: str) -> bytes:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<title>Bowen</title><body style="font:18px/1.6 system-ui,sans-serif;margin:20vh auto;max-width:30rem;'
        f'text-align:center"><p>{text}</p></body></html>'
    ).encode()
