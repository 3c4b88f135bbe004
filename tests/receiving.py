"""A web server that somebody else runs, for what is posted to it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Post(NamedTuple):
    """What came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Notes what is posted, and answers with `status`; None never answers."""

    url: str = ""
    status: Callable[[Post], int | None] = lambda _: 204
    posts: list[Post] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, which may carry several posts."""
        with closing(writer), suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {name.lower(): text.strip() for name, _, text in (line.partition(":") for line in lines[1:])}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.posts.append(post := Post(lines[0].split(" ")[1], headers, body))
                status = self.status(post)
                if status is None:
                    await asyncio.Event().wait()
                location = "location: http://127.0.0.1:1/elsewhere\r\n" if status in (301, 302, 307) else ""
                writer.write(f"HTTP/1.1 {status} Whatever\r\n{location}content-length: 0\r\n\r\n".encode())
                await writer.drain()


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on a free port."""
    own, tasks = Receiver(), set[asyncio.Task[Any]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(task := asyncio.ensure_future(own.serve(reader, writer)))
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    own.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks?brand=1"
    yield own
    server.close()
    for task in list(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
