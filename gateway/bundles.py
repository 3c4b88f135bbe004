"""A person's bundle as one zip file behind a one-time link: `GET /v1/privacy/bundles/{token}` (spec people §5.2)."""

import hashlib
import json
import zipfile
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from html import escape
from itertools import groupby
from typing import IO, Any, cast

from bowen.profile.v1 import privacy_service_pb2 as pb

from chassis.caller import Call, acting, service
from chassis.errors import Refusal
from gateway.backends import NAME
from gateway.errors import MethodNotAllowed
from gateway.http import Request, Response
from gateway.limits import Limiter
from gateway.problems import problem

ZIP = b"application/zip"
NO_STORE = ((b"cache-control", b"no-store"), (b"referrer-policy", b"no-referrer"), (b"x-robots-tag", b"noindex"))
_ATTACHED = (b"content-disposition", b'attachment; filename="my-data.zip"')
_FIRST = (1980, 1, 1, 0, 0, 0)


class Bundles:
    """Sends bundles, a part in memory at a time. Whoever has the link needs no key.

    What is asked is limited by address, and of a link few downloads begin.
    """

    def __init__(self, profile: Any, limiter: Limiter) -> None:
        self._profile, self._limiter = profile, limiter

    async def download(self, request: Request) -> Response:
        """Begin to send the bundle. Only a whole download uses the link: who lost the connection begins anew."""
        self._limiter.admit(request.address)
        if request.method != "GET":
            raise MethodNotAllowed(["GET"])
        token = request.values["token"]
        with acting(Call(service(NAME))):
            opened = await self._profile.OpenBundleLink(pb.OpenBundleLinkRequest(token=token))
        return Response(200, b"", ZIP, (*NO_STORE, _ATTACHED), self._pieces(token, opened))

    async def _pieces(self, token: str, opened: pb.OpenBundleLinkResponse) -> AsyncGenerator[bytes, None]:
        packed = Packed(opened)
        for name, parts in groupby(opened.parts, key=lambda part: part.service):
            packed.begin(name)
            for part in parts:
                asked = pb.ReadBundleLinkRequest(
                    token=token, attempt=opened.attempt, service=part.service, number=part.number
                )
                with acting(Call(service(NAME))):
                    read = await self._profile.ReadBundleLink(asked)
                yield packed.add(part, read.lines)
        yield packed.end()
        with acting(Call(service(NAME))):
            await self._profile.EndBundleLink(pb.EndBundleLinkRequest(token=token, attempt=opened.attempt))


def refused(refusal: Refusal) -> Response:
    """The problem document of a refusal, which nobody keeps either."""
    response = problem(refusal)
    return response._replace(headers=(*response.headers, *NO_STORE))


class Packed:
    """A zip file in the making: a file of JSON lines per service, a manifest with hashes, an index for people."""

    def __init__(self, opened: pb.OpenBundleLinkResponse) -> None:
        self._opened = opened
        self._out = _Outgoing()
        self._zip = zipfile.ZipFile(cast("IO[bytes]", self._out), "w", zipfile.ZIP_DEFLATED)
        self._file: Any = None
        self._files: dict[str, _File] = {}

    def begin(self, service_name: str) -> None:
        """Begin the file of a service."""
        self._close()
        name = f"{service_name}.jsonl"
        self._files[name] = _File()
        self._file = self._zip.open(_entry(name), "w", force_zip64=True)

    def add(self, part: pb.BundlePart, lines: str) -> bytes:
        """Add a part to it. Returns what can be sent. Raises `ValueError` for another part than was told."""
        raw = lines.encode()
        if hashlib.sha256(raw).hexdigest() != part.sha256:
            raise ValueError(f"part {part.number} of {part.service} is not what its hash says")
        self._files[f"{part.service}.jsonl"].add(raw)
        self._file.write(raw)
        return self._out.taken()

    def end(self) -> bytes:
        """Write manifest and index. Returns the rest."""
        self._close()
        manifest = json.dumps(self._manifest(), indent=2).encode()
        self._zip.writestr(_entry("manifest.json"), manifest)
        self._zip.writestr(_entry("index.html"), _index(self._opened, self._files))
        self._zip.close()
        return self._out.taken()

    def _manifest(self) -> dict[str, Any]:
        files = {name: file.told() for name, file in self._files.items()}
        return {
            "privacy_request_id": self._opened.privacy_request_id,
            "create_time": self._opened.create_time.ToJsonString(),
            "files": files,
        }

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class _File:
    """What a file of the bundle holds."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self._hash, self._bytes = hashlib.sha256(), 0

    def add(self, raw: bytes) -> None:
        self._hash.update(raw)
        self._bytes += len(raw)
        self.kinds.update(json.loads(line)["kind"] for line in raw.splitlines())

    def told(self) -> dict[str, Any]:
        kinds = dict(sorted(self.kinds.items()))
        return {"sha256": self._hash.hexdigest(), "bytes": self._bytes, "lines": self.kinds.total(), "kinds": kinds}


class _Outgoing:
    """What a zip file is written to: it cannot go back, and holds only what was not sent yet."""

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._held.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def taken(self) -> bytes:
        held, self._held = b"".join(self._held), []
        return held


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _FIRST)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _index(opened: pb.OpenBundleLinkResponse, files: dict[str, _File]) -> str:
    day = opened.create_time.ToJsonString()[:10]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Your data</title>'
        '<body style="font:16px/1.6 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem">'
        f"<h1>Your data, as of {day} · 您的个人信息</h1><p>Request {escape(opened.privacy_request_id)}. Every file "
        "holds one JSON object per line; <code>kind</code> says what it is. <code>manifest.json</code> has the SHA-256 "
        "of every file. 每个文件每行一条记录。</p>"
        "<table border=1 cellpadding=6><tr><th>File<th>What<th>How many</tr>"
        f"{''.join(_rows(files))}</table></body></html>"
    )


def _rows(files: dict[str, _File]) -> Iterator[str]:
    for name, file in files.items():
        kinds: Sequence[tuple[str, int]] = sorted(file.kinds.items()) or [("nothing", 0)]
        for kind, count in kinds:
            yield f'<tr><td><a href="{escape(name)}">{escape(name)}</a><td>{escape(kind)}<td>{count}</tr>'
