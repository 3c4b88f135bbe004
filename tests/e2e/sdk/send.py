"""Sends with whatever build of Segment's Python SDK is on the path, and says as JSON what it was told went wrong."""

import json
import sys

from segment.analytics.client import Client


def main() -> None:
    """Send what the argument asks for, and wait until it is delivered or given up."""
    asked = json.loads(sys.argv[1])
    faults: list[str] = []
    client = Client(
        asked["write_key"],
        host=asked["host"],
        gzip=asked["gzip"],
        upload_size=asked["batch"],
        upload_interval=0.1,
        max_retries=asked["retries"],
        on_error=lambda error, items: faults.append(f"{type(error).__name__} {error}"),
    )
    user_id = asked["user_id"]
    if asked["kinds"]:
        client.identify(user_id, {"city": "上海"})
        client.alias(f"{user_id}-before", user_id)
        client.group(user_id, "group-1", {"name": "波纹"})
        client.page(user_id, "shop", "Home", {"url": "https://mall.example/"})
        client.screen(user_id, "app", "Cart")
    for number in range(asked["tracks"]):
        client.track(user_id, f"Seen {number}", {"number": number})
    client.shutdown()
    print(json.dumps(faults))


main()
