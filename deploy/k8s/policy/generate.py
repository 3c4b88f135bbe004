"""The NetworkPolicies, written from the call graph."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from deploy.k8s.policy.callgraph import ROOT, Exit, Graph, Labels, Peer
from deploy.k8s.policy.objects import Object

HEADER = "# Generated from callgraph.yaml by `python -m deploy.k8s.policy generate`. Do not edit.\n"
Rule = dict[str, Any]


def files(graph: Graph) -> dict[Path, str]:
    """Every generated file and its text."""
    folder = ROOT / "base" / "network"
    texts = {"default-deny": [_policy("default-deny", {}, [], [])], "nats": [_nats(graph)]}
    texts |= {name: _component(name, graph) for name in graph.components}
    return {folder / f"{name}.yaml": HEADER + _dump(policies) for name, policies in texts.items()}


def _dump(policies: Iterable[Object]) -> str:
    return yaml.safe_dump_all(policies, sort_keys=False, default_flow_style=False)


def _component(name: str, graph: Graph) -> list[Object]:
    server, migration = _pods(name, "server"), _pods(name, "migration")
    always = [_to(graph.dns), _to(graph.databases[name])]
    calls = [_rule("to", [_pods(call, "server")], graph.components[call].port) for call in graph.components[name].calls]
    nats = [_to(graph.nats)] if graph.components[name].uses_nats else []
    away = [_away(graph.exits)] if name in graph.exits.components else []
    database = graph.databases[name]
    users = _rule("from", [server, migration], database.ports[0][1])
    return [
        _policy(name, server, _callers(name, graph), [*always, *nats, _to(graph.collector), *calls, *away]),
        _policy(f"{name}-migrate", migration, [], always),
        _policy(f"{name}-database", database.pod_labels, [users], []),
    ]


def _callers(name: str, graph: Graph) -> list[Rule]:
    port = graph.components[name].port
    callers = [_pods(each.name, "server") for each in graph.components.values() if name in each.calls]
    rules = [_rule("from", callers, port)] if callers else []
    if name == graph.entry:
        outside = [{"namespaceSelector": {"matchLabels": dict(graph.entry_labels)}}]
        rules.append({"from": outside, "ports": [_port("TCP", port)]})
    return rules


def _nats(graph: Graph) -> Object:
    servers = [_pods(name, "server") for name, component in graph.components.items() if component.uses_nats]
    return _policy("nats", graph.nats.pod_labels, [_rule("from", servers, graph.nats.ports[0][1])], [])


def _pods(name: str, component: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/component": component}


def _to(peer: Peer) -> Rule:
    target: Rule = {"podSelector": {"matchLabels": dict(peer.pod_labels)}}
    if peer.namespace_labels is not None:
        target["namespaceSelector"] = {"matchLabels": dict(peer.namespace_labels)}
    return {"to": [target], "ports": [_port(*port) for port in peer.ports]}


def _away(exits: Exit) -> Rule:
    blocks = [{"ipBlock": {"cidr": block, "except": list(inside)}} for block, inside in exits.blocks.items()]
    return {"to": blocks, "ports": [_port("TCP", exits.port)]}


def _rule(way: str, pods: Iterable[Labels], port: int) -> Rule:
    return {way: [{"podSelector": {"matchLabels": dict(each)}} for each in pods], "ports": [_port("TCP", port)]}


def _port(protocol: str, port: int) -> Mapping[str, Any]:
    return {"protocol": protocol, "port": port}


def _policy(name: str, pods: Labels, ingress: list[Rule], egress: list[Rule]) -> Object:
    spec: Rule = {"podSelector": {"matchLabels": dict(pods)} if pods else {}, "policyTypes": ["Ingress", "Egress"]}
    spec |= {"ingress": ingress} if ingress else {}
    spec |= {"egress": egress} if egress else {}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": spec,
    }
