"""Events of people who browse, sign in and buy, as the Segment wire says them and as the contract does."""

import itertools
import json
import random
from collections.abc import Sequence
from typing import Any

from bowen.profile.v1 import event_pb2
from bowen.profile.v1.ingest_service_pb2 import IncomingEvent

from chassis.clock import SystemClock
from chassis.stamps import stamp

PEOPLE = 20_000
DEVICES = 2
IDENTIFY_SHARE = 0.1
KNOWN_SHARE = 0.6
REPEATED_SHARE = 0.02
CONTACT_EVERY = 10
"""Where contacts are told, one person in ten has a name and a phone, and says so whenever identified."""
PRODUCTS = 500
SURNAMES = "王李张刘陈杨黄赵吴周"
_HAN = 0x4E00
WHEN = "2026-06-20T04:00:00Z"

Event = dict[str, Any]


class Population:
    """Makes events, and knows how many people there are among them: two identifiers of one event are one person's."""

    def __init__(
        self, name: str, people: int = PEOPLE, *, newcomer_share: float = 0.0, has_contacts: bool = False
    ) -> None:
        """With a share of newcomers the population begins with `people` and grows by one at that share of events."""
        self.name = name
        self._people = people
        self._newcomer_share = newcomer_share
        self._has_contacts = has_contacts
        self.sent = 0
        self.distinct = 0
        self._numbers = itertools.count()
        self._parent: dict[str, str] = {}

    def events(self, count: int) -> list[Event]:
        """New events, a few of them repeats of the one before."""
        made: list[Event] = []
        for _ in range(count):
            if made and random.random() < REPEATED_SHARE:
                made.append(made[-1])
            else:
                made.append(self._event())
                self.distinct += 1
        self.sent += count
        return made

    def introductions(self) -> list[Event]:
        """An event of everybody on each of their devices, signed in: afterwards nobody is new, and nobody merges."""
        named = [self._names(person, device) for person in range(self._people) for device in range(DEVICES)]
        return [
            {"type": "identify", "messageId": f"{self.name}-{device}", "anonymousId": device, "userId": user_id}
            for user_id, device in named
        ]

    @property
    def people(self) -> int:
        """How many people all events so far are about: an independent union-find."""
        return len({self._root(key) for key in self._parent})

    def _event(self) -> Event:
        number = next(self._numbers)
        person = self._somebody()
        user_id, device = self._names(person, random.randrange(DEVICES))
        event: Event = {
            "messageId": f"{self.name}-{number}",
            "anonymousId": device,
            "timestamp": "2026-06-20T04:00:00Z",
        }
        if random.random() < IDENTIFY_SHARE:
            traits = {"plan": "gold", "visits": number} | self._contact(person)
            event |= {"type": "identify", "userId": user_id, "traits": traits}
        else:
            event |= {"type": "track", "event": "Product Viewed", "properties": _properties(number)}
            if random.random() < KNOWN_SHARE:
                event["userId"] = user_id
        self._note(event)
        return event

    def _contact(self, person: int) -> dict[str, str]:
        return contact_of(person) if self._has_contacts and person % CONTACT_EVERY == 0 else {}

    def _somebody(self) -> int:
        if random.random() < self._newcomer_share:
            self._people += 1
            return self._people - 1
        return random.randrange(self._people)

    def _names(self, person: int, device: int) -> tuple[str, str]:
        return f"{self.name}-user-{person}", f"{self.name}-device-{person}-{device}"

    def _note(self, event: Event) -> None:
        named = [event[field] for field in ("anonymousId", "userId") if field in event]
        for key in named:
            self._parent.setdefault(key, key)
        self._parent[self._root(named[0])] = self._root(named[-1])

    def _root(self, key: str) -> str:
        while (above := self._parent[key]) != key:
            self._parent[key] = key = self._parent[above]
        return key


def contact_of(person: int) -> dict[str, str]:
    """The name and the phone of somebody: a surname of ten, and a given name that few share."""
    rest, surname = divmod(person // CONTACT_EVERY, len(SURNAMES))
    given = chr(_HAN + rest % 3_000) + chr(_HAN + rest // 3_000 % 3_000)
    return {"name": SURNAMES[surname] + given, "phone": f"138{person:08}"}


def _properties(number: int) -> dict[str, Any]:
    return {
        "product_id": f"sku-{number % PRODUCTS}",
        "name": "Notebook, dotted, A5",
        "category": "stationery",
        "price": 12.5,
        "position": number % 40,
        "url": f"https://shop.example/p/{number % PRODUCTS}",
    }


def incoming(event: Event) -> IncomingEvent:
    """The event as the gateway hands it on."""
    is_identify = event["type"] == "identify"
    message = IncomingEvent(
        message_id=event["messageId"],
        type=event_pb2.EVENT_TYPE_IDENTIFY if is_identify else event_pb2.EVENT_TYPE_TRACK,
        name=event.get("event", ""),
        user_id=event.get("userId", ""),
        anonymous_id=event["anonymousId"],
        properties=json.dumps(event["properties"]) if "properties" in event else "",
        traits=json.dumps(event["traits"]) if "traits" in event else "",
        source_id="bench",
        trust=event_pb2.TRUST_SERVER,
    )
    message.receive_time.CopyFrom(stamp(SystemClock().now()))
    return message


def chunks(events: Sequence[Any], size: int) -> list[Sequence[Any]]:
    """The events in portions."""
    return [events[start : start + size] for start in range(0, len(events), size)]
