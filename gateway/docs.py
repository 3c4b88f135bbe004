"""The documentation page: one file of our own that shows /openapi.json, and loads nothing from elsewhere."""

import hashlib
from pathlib import Path

from gateway.derive.readers import encode
from gateway.http import HTML, JSON, Header, Request, Response
from gateway.schemas import Schema

PAGE = Path(__file__).parent / "docs.html"
_POLICY: Header = (
    b"content-security-policy",
    b"default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'",
)


class Docs:
    """The document, its page, and whether they have changed since they were last read."""

    def __init__(self, document: Schema) -> None:
        self._document = encode(document)
        self._page = PAGE.read_bytes()
        self._etag = b'"' + hashlib.sha256(self._document).hexdigest()[:16].encode() + b'"'

    async def openapi(self, request: Request) -> Response:
        """The OpenAPI document."""
        headers: tuple[Header, ...] = (
            (b"etag", self._etag),
            (b"cache-control", b"no-cache"),
            (b"access-control-allow-origin", b"*"),
        )
        if request.header(b"if-none-match").encode("latin-1") == self._etag:
            return Response(304, headers=headers)
        return Response(200, self._document, JSON, headers)

    async def page(self, _request: Request) -> Response:
        """The page for people."""
        return Response(200, self._page, HTML, (_POLICY,))
