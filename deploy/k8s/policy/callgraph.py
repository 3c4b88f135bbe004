"""The call graph of `callgraph.yaml` as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Component:
    """One of our programs: what it listens on, whom it calls, which secrets it may read."""

    name: str
    port: int
    protocol: str
    calls: tuple[str, ...]
    secrets: tuple[str, ...]

    @property
    def uses_nats(self) -> bool:
        """Whether it publishes or consumes events."""
        return "nats" in self.secrets


@dataclass(frozen=True, slots=True)
class Peer:
    """Pods outside our programs, found by their labels. No namespace labels means our own namespace."""

    ports: tuple[tuple[str, int], ...]
    pod_labels: Labels
    namespace_labels: Labels | None = None


@dataclass(frozen=True, slots=True)
class Exit:
    """Who reaches the internet, on which port, and by block of addresses what of it is left out."""

    components: tuple[str, ...]
    port: int
    blocks: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Graph:
    """Everything that may talk to anything."""

    namespace: str
    components: Mapping[str, Component]
    drain_seconds: int
    databases: Mapping[str, Peer]
    nats: Peer
    dns: Peer
    collector: Peer
    entry: str
    entry_labels: Labels
    exits: Exit


def load(path: Path = ROOT / "callgraph.yaml") -> Graph:
    """Read the call graph."""
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    components = {name: _component(name, entry) for name, entry in raw["components"].items()}
    database = raw["database"]
    return Graph(
        namespace=raw["namespace"],
        components=components,
        drain_seconds=raw["drain_seconds"],
        databases={
            name: Peer((("TCP", database["port"]),), {database["label_prefix"] + name: "true"}) for name in components
        },
        nats=_peer(raw["nats"]),
        dns=_peer(raw["dns"]),
        collector=_peer(raw["collector"]),
        entry=raw["entry"]["component"],
        entry_labels=raw["entry"]["namespace_labels"],
        exits=_exit(raw["exit"]),
    )


def _component(name: str, raw: Mapping[str, Any]) -> Component:
    return Component(name, raw["port"], raw["protocol"], tuple(raw["calls"]), tuple(raw["secrets"]))


def _exit(raw: Mapping[str, Any]) -> Exit:
    blocks = {block: tuple(inside) for block, inside in raw["cidr"].items()}
    return Exit(tuple(raw["components"]), raw["port"], blocks)


def _peer(raw: Mapping[str, Any]) -> Peer:
    ports = raw.get("ports") or [{"protocol": "TCP", "port": raw["port"]}]
    pairs = tuple((str(each["protocol"]), int(each["port"])) for each in ports)
    return Peer(pairs, raw["pod_labels"], raw.get("namespace_labels"))
