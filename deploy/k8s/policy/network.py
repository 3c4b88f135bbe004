"""Who can reach whom under the rendered NetworkPolicies, computed pair by pair, against the call graph.

Both sides of a connection must agree to it. Each side is compared on its own, so that neither leans on the other.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deploy.k8s.policy.callgraph import Graph, Labels
from deploy.k8s.policy.objects import RUNNING, Object, Rendered, pod_labels, selects, title

Edge = tuple[str, str, str, int]
Port = tuple[str, int]
WAYS = ("Egress", "Ingress")
EXTRA_PORTS = (("TCP", 22), ("TCP", 443), ("TCP", 6222), ("TCP", 8222), ("UDP", 123))


@dataclass(frozen=True, slots=True)
class Place:
    """A pod that may send or receive; one with no namespace is an address outside the cluster."""

    name: str
    labels: Labels
    namespace: str | None
    namespace_labels: Labels = field(default_factory=dict)


def exact(rendered: Rendered, graph: Graph) -> Iterator[str]:
    """On both sides the policies allow every declared edge and nothing else."""
    policies, among = list(rendered.of("NetworkPolicy")), places(rendered, graph)
    unclear = [f"{title(each)}: {fault}" for each in policies for fault in _unclear(each)]
    yield from unclear
    if unclear:
        return
    for way in WAYS:
        home = {place.name for place in among if place.namespace == graph.namespace}
        declared = {edge for edge in wanted(graph) if edge[WAYS.index(way)] in home}
        allowed = edges(policies, among, graph, way)
        yield from (f"{way} forbids the declared {_arrow(edge)}" for edge in sorted(declared - allowed))
        yield from (f"{way} allows the undeclared {_arrow(edge)}" for edge in sorted(allowed - declared))


def _arrow(edge: Edge) -> str:
    source, target, protocol, port = edge
    return f"{source} -> {target} {protocol} {port}"


def _unclear(policy: Object) -> Iterator[str]:
    """What the evaluation below does not model is refused, so that it never lies."""
    rules = [*policy["spec"].get("ingress", []), *policy["spec"].get("egress", [])]
    for port in (port for rule in rules for port in rule.get("ports", [])):
        if not isinstance(port.get("port"), int) or "endPort" in port:
            yield f"port {port} is not one number"


def places(rendered: Rendered, graph: Graph) -> list[Place]:
    """Our pods, the parts we stand on, and strangers near and far."""
    own, home = graph.namespace, {"kubernetes.io/metadata.name": graph.namespace}
    parts = [*((f"database of {name}", peer) for name, peer in graph.databases.items()), ("nats", graph.nats)]
    beyond = [("dns", graph.dns), ("collector", graph.collector)]
    return [
        *(Place(name, labels, own, home) for name, labels in _rendered_pods(rendered, graph)),
        *(Place(name, peer.pod_labels, own, home) for name, peer in parts),
        *(Place(name, peer.pod_labels, name, peer.namespace_labels or {}) for name, peer in beyond),
        *(Place(f"stranger beside {name}", {}, name, peer.namespace_labels or {}) for name, peer in beyond),
        Place("entry", {}, "ingress", graph.entry_labels),
        Place("stranger at home", {"app.kubernetes.io/name": "stranger"}, own, home),
        *(Place(f"{name} abroad", peer.pod_labels, "elsewhere") for name, peer in (*parts, *beyond)),
        *(Place(f"{name} abroad", {"app.kubernetes.io/name": name}, "elsewhere") for name in graph.components),
        Place("internet", {}, None),
    ]


def _rendered_pods(rendered: Rendered, graph: Graph) -> Iterator[tuple[str, Labels]]:
    """Pods by name. Those that play the part of a database or of NATS are left out: the parts are asked one by one."""
    parts = [*graph.databases.values(), graph.nats]
    for workload in rendered.of(*RUNNING, "Job"):
        labels = pod_labels(workload)
        name = labels.get("app.kubernetes.io/name", "")
        if name in graph.components:
            yield f"{name} migration" if workload["kind"] == "Job" else name, labels
        elif not any(peer.pod_labels.items() <= labels.items() for peer in parts):
            yield title(workload), labels


def wanted(graph: Graph) -> set[Edge]:
    """The declared edges."""
    found: set[Edge] = {("entry", graph.entry, "TCP", graph.components[graph.entry].port)}
    for name, component in graph.components.items():
        found |= {(name, call, "TCP", graph.components[call].port) for call in component.calls}
        for source in (name, f"{name} migration"):
            found |= {(source, f"database of {name}", *port) for port in graph.databases[name].ports}
            found |= {(source, "dns", *port) for port in graph.dns.ports}
        if component.uses_nats:
            found |= {(name, "nats", *port) for port in graph.nats.ports}
        found |= {(name, "collector", *port) for port in graph.collector.ports}
    found |= {(name, "internet", "TCP", graph.exits.port) for name in graph.exits.components}
    return found


def edges(policies: Sequence[Object], among: Sequence[Place], graph: Graph, way: str) -> set[Edge]:
    """Every connection that one side allows: the sender's (`Egress`) or the receiver's (`Ingress`)."""
    found: set[Edge] = set()
    for subject in (place for place in among if place.namespace == graph.namespace):
        rules = _rules(policies, way, subject)
        for other in (place for place in among if place != subject):
            pair = (subject.name, other.name) if way == "Egress" else (other.name, subject.name)
            found |= {(*pair, *port) for port in _ports(rules, way, subject, other, _all_ports(graph))}
    return found


def _all_ports(graph: Graph) -> set[Port]:
    peers = (*graph.databases.values(), graph.nats, graph.dns, graph.collector)
    ours = {("TCP", each.port) for each in graph.components.values()}
    return ours.union(EXTRA_PORTS, *(peer.ports for peer in peers))


def _rules(policies: Sequence[Object], way: str, subject: Place) -> list[Mapping[str, Any]]:
    """The rules of this side; one that allows everything unless some policy selects the subject."""
    mine = [
        each["spec"]
        for each in policies
        if way in each["spec"]["policyTypes"] and selects(each["spec"]["podSelector"], subject.labels)
    ]
    return [rule for spec in mine for rule in spec.get(way.lower(), [])] if mine else [{}]


def _ports(rules: Sequence[Mapping[str, Any]], way: str, subject: Place, other: Place, every: set[Port]) -> set[Port]:
    """The ports that some rule opens between the two."""
    found: set[Port] = set()
    for rule in rules:
        peers = rule.get("to" if way == "Egress" else "from")
        if not peers or any(_peer_matches(each, subject, other) for each in peers):
            found |= {(each.get("protocol", "TCP"), each["port"]) for each in rule.get("ports", [])} or every
    return found


def _peer_matches(peer: Mapping[str, Any], subject: Place, other: Place) -> bool:
    if "ipBlock" in peer or other.namespace is None:
        return "ipBlock" in peer and other.namespace is None
    spaces, pods = peer.get("namespaceSelector"), peer.get("podSelector", {})
    near = other.namespace == subject.namespace if spaces is None else selects(spaces, other.namespace_labels)
    return near and selects(pods, other.labels)
