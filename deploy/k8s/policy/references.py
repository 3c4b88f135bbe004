"""What objects say of each other: selectors, ports, names, settings, secrets."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from deploy.k8s.policy.callgraph import Graph
from deploy.k8s.policy.objects import (
    CLUSTER_WIDE,
    RUNNING,
    WORKLOADS,
    Object,
    Rendered,
    containers,
    environment,
    pod,
    pod_labels,
    selects,
    title,
)

MOUNT = "/run/secrets/bowen/"
TARGET = "BOWEN_{}_TARGET"


def placed(rendered: Rendered, graph: Graph) -> Iterator[str]:
    """Everything is in the one namespace, once, and that namespace enforces the restricted profile."""
    seen = Counter((each["kind"], each["metadata"]["name"]) for each in rendered.objects)
    yield from (f"{kind}/{name}: stands there {count} times" for (kind, name), count in seen.items() if count > 1)
    for each in rendered.objects:
        if each["kind"] not in CLUSTER_WIDE and each["metadata"].get("namespace") != graph.namespace:
            yield f"{title(each)}: is not in namespace {graph.namespace}"
    spaces = {each["metadata"]["name"]: each["metadata"].get("labels", {}) for each in rendered.of("Namespace")}
    if spaces.get(graph.namespace, {}).get("pod-security.kubernetes.io/enforce") != "restricted":
        yield f"Namespace/{graph.namespace}: does not enforce the restricted profile"


def selected(rendered: Rendered, _: Graph) -> Iterator[str]:
    """Workloads select their own pods; a Service selects running pods only and names ports that they have."""
    for workload in rendered.of(*RUNNING):
        if not selects(workload["spec"]["selector"], pod_labels(workload)):
            yield f"{title(workload)}: its selector does not match its own pods"
    for service in rendered.of("Service"):
        selector = {"matchLabels": service["spec"].get("selector", {})}
        hits = rendered.selected_by(selector, *WORKLOADS)
        if [each["kind"] in RUNNING for each in hits] != [True]:
            yield f"{title(service)}: selects {' and '.join(map(title, hits)) or 'nothing'}"
        for hit in hits:
            yield from _port_faults(service, hit)


def _port_faults(service: Object, workload: Object) -> Iterator[str]:
    ports = [port for container in containers(workload) for port in container.get("ports", [])]
    numbers = {port["name"]: port["containerPort"] for port in ports}
    for port in service["spec"]["ports"]:
        target = port.get("targetPort", port["port"])
        number = numbers.get(target, target)
        if number not in numbers.values():
            yield f"{title(service)}: target port {target} is not a port of {title(workload)}"
        if service["spec"].get("clusterIP") == "None" and number != port["port"]:
            yield f"{title(service)}: is headless, so port {port['port']} must be the pod's own port {number}"


def present(rendered: Rendered, graph: Graph) -> Iterator[str]:
    """ConfigMaps, ServiceAccounts and volumes exist; a Secret is there or is one that the cluster gives."""
    given = {secret for each in graph.components.values() for secret in each.secrets}
    known = {"Secret": rendered.names("Secret") | given, "ConfigMap": rendered.names("ConfigMap")}
    for workload in rendered.of(*WORKLOADS):
        for kind, name in _named(workload):
            if name not in known[kind]:
                yield f"{title(workload)}: {kind} {name} is not there"
        account = pod(workload).get("serviceAccountName")
        if account not in rendered.names("ServiceAccount"):
            yield f"{title(workload)}: ServiceAccount {account} is not there"
        yield from _volume_faults(workload)
    accounts = Counter(pod(each).get("serviceAccountName") for each in rendered.of(*WORKLOADS))
    yield from (f"ServiceAccount/{name}: is shared" for name, count in accounts.items() if count > 1)


def _named(workload: Object) -> Iterator[tuple[str, str]]:
    for volume in pod(workload).get("volumes", []):
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"]
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
    for container in containers(workload):
        values = [each.get("valueFrom", {}) for each in container.get("env", [])]
        for source in [*container.get("envFrom", []), *values]:
            for key, reference in source.items():
                if key.startswith(("secret", "configMap")):
                    yield "Secret" if key.startswith("secret") else "ConfigMap", reference["name"]


def _volume_faults(workload: Object) -> Iterator[str]:
    claims = [each["metadata"] for each in workload["spec"].get("volumeClaimTemplates", [])]
    volumes = {each["name"] for each in [*pod(workload).get("volumes", []), *claims]}
    for container in containers(workload):
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in volumes:
                yield f"{title(workload)}: mounts {mount['name']}, which is no volume"


def confined(rendered: Rendered, graph: Graph) -> Iterator[str]:
    """A component reads only its own secrets, as files, and every `_FILE` setting points into a mounted secret."""
    for workload in rendered.of(*WORKLOADS):
        name = pod_labels(workload).get("app.kubernetes.io/name", "")
        if name not in graph.components:
            continue
        allowed = graph.components[name].secrets
        for kind, secret in _named(workload):
            if kind == "Secret" and secret not in allowed:
                yield f"{title(workload)}: may not read Secret {secret}"
        for container in containers(workload):
            yield from (f"{title(workload)}: {fault}" for fault in _setting_faults(container))


def _setting_faults(container: dict[str, Any]) -> Iterator[str]:
    mounts = [each["mountPath"] for each in container.get("volumeMounts", []) if each["mountPath"].startswith(MOUNT)]
    for entry in container.get("env", []):
        if "secretKeyRef" in entry.get("valueFrom", {}):
            yield f"{entry['name']} is a secret in the environment"
    for name, value in environment(container).items():
        if name.endswith("_FILE") and value.rpartition("/")[0] not in mounts:
            yield f"{name} names {value}, which is not in a mounted secret"
        if "://" in value and "@" in value:
            yield f"{name} holds a password in plain text"


def targeted(rendered: Rendered, graph: Graph) -> Iterator[str]:
    """The targets that a component is given are its calls of the call graph, balanced over a headless Service."""
    for workload in rendered.of("Deployment"):
        component = graph.components.get(workload["metadata"]["name"])
        if component is None:
            continue
        wanted = {
            TARGET.format(call.upper()): f"dns:///{call}-headless:{graph.components[call].port}"
            for call in component.calls
        }
        given = environment(pod(workload)["containers"][0])
        if wanted != {name: value for name, value in given.items() if name.endswith("_TARGET")}:
            yield f"{title(workload)}: its targets are not the call graph's {sorted(wanted.values())}"
        if given.get("BOWEN_LISTEN") != f"0.0.0.0:{component.port}":
            yield f"{title(workload)}: does not listen on port {component.port}"
        for call in component.calls:
            if f"{call}-headless" not in rendered.names("Service"):
                yield f"{title(workload)}: Service {call}-headless is not there"
