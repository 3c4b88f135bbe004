"""What every pod must be: restricted, bounded, pinned, probed."""

from collections.abc import Iterator
from typing import Any

from deploy.k8s.policy.callgraph import Graph
from deploy.k8s.policy.objects import RUNNING, WORKLOADS, Object, Rendered, containers, pod, quantity, title

PORT_NAME_LENGTH_MAX = 15


def restricted(rendered: Rendered, _: Graph) -> Iterator[str]:
    """The "restricted" pod security standard, a read-only root and no API token, for Jobs and init containers too."""
    for workload in rendered.of(*WORKLOADS):
        yield from (f"{title(workload)}: {fault}" for fault in _pod_faults(pod(workload)))
        for container in containers(workload):
            yield from (f"{title(workload)}: {fault}" for fault in _container_faults(container))


def _pod_faults(spec: dict[str, Any]) -> Iterator[str]:
    security = spec.get("securityContext", {})
    if security.get("runAsNonRoot") is not True or security.get("runAsUser") in (None, 0):
        yield "runs as root"
    if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "has no seccomp profile"
    if spec.get("automountServiceAccountToken") is not False:
        yield "mounts an API token"
    if spec.get("enableServiceLinks") is not False:
        yield "gets a variable for every Service"
    yield from (f"sets {each}" for each in ("hostNetwork", "hostPID", "hostIPC") if spec.get(each))
    yield from (f"mounts hostPath {each['name']}" for each in spec.get("volumes", []) if "hostPath" in each)


def _container_faults(container: dict[str, Any]) -> Iterator[str]:
    security, name = container.get("securityContext", {}), container["name"]
    if security.get("allowPrivilegeEscalation") is not False:
        yield f"{name} may gain privileges"
    if security.get("capabilities") != {"drop": ["ALL"]}:
        yield f"{name} keeps capabilities"
    if security.get("readOnlyRootFilesystem") is not True:
        yield f"{name} can write its root file system"
    if security.get("privileged") or security.get("runAsUser") == 0 or security.get("runAsNonRoot") is False:
        yield f"{name} undoes the pod's restrictions"
    if any("hostPort" in each for each in container.get("ports", [])):
        yield f"{name} takes a port of the host"


def pinned(rendered: Rendered, _: Graph) -> Iterator[str]:
    """Images have a fixed tag or a digest."""
    for workload in rendered.of(*WORKLOADS):
        for container in containers(workload):
            image = container["image"]
            tag = image.rsplit("/", 1)[-1].partition(":")[2]
            if "@sha256:" not in image and tag in ("", "latest"):
                yield f"{title(workload)}: image {image} is not pinned"


def bounded(rendered: Rendered, _: Graph) -> Iterator[str]:
    """CPU, memory and disk are asked for, memory is limited; a CPU limit would only throttle an event loop."""
    for workload in rendered.of(*WORKLOADS):
        for container in containers(workload):
            yield from (f"{title(workload)}: {container['name']} {fault}" for fault in _resource_faults(container))


def _resource_faults(container: dict[str, Any]) -> Iterator[str]:
    resources = container.get("resources", {})
    requests, limits = resources.get("requests", {}), resources.get("limits", {})
    for text in (*requests.values(), *limits.values()):
        if quantity(text) is None:
            yield f"has the bad quantity {text!r}"
    yield from (f"asks for no {each}" for each in ("cpu", "memory", "ephemeral-storage") if each not in requests)
    if "memory" not in limits:
        yield "has no memory limit"
    if "cpu" in limits:
        yield "has a CPU limit"
    for name in requests.keys() & limits.keys():
        asked, limit = quantity(requests[name]), quantity(limits[name])
        if asked is not None and limit is not None and asked > limit:
            yield f"asks for more {name} than its limit"


def probed(rendered: Rendered, graph: Graph) -> Iterator[str]:
    """All three probes, on a port the container has; readiness asks another question than liveness."""
    for workload in rendered.of(*RUNNING):
        for container in pod(workload)["containers"]:
            yield from (f"{title(workload)}: {fault}" for fault in _probe_faults(container))
        if workload["metadata"]["name"] in graph.components:
            yield from _same_questions(workload)


def _probe_faults(container: dict[str, Any]) -> Iterator[str]:
    numbers = {each["containerPort"] for each in container.get("ports", [])}
    names = {each.get("name") for each in container.get("ports", [])}
    yield from (f"port name {name} is too long" for name in names if len(name or "") > PORT_NAME_LENGTH_MAX)
    for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
        probe = container.get(kind)
        if probe is None:
            yield f"{container['name']} has no {kind}"
            continue
        if kind == "livenessProbe" and probe.get("successThreshold", 1) != 1:
            yield "livenessProbe must succeed at once"
        port = (probe.get("grpc") or probe.get("httpGet") or probe.get("tcpSocket") or {}).get("port")
        if port is not None and port not in numbers | names:
            yield f"{kind} asks port {port}, which is not there"


def _same_questions(workload: Object) -> Iterator[str]:
    """A dependency that is down must take a pod out of service, never restart it."""
    for container in pod(workload)["containers"]:
        live, ready = (_question(container.get(kind, {})) for kind in ("livenessProbe", "readinessProbe"))
        if live == ready or live not in ("grpc:", "/healthz") or ready not in ("grpc:readiness", "/readyz"):
            yield f"{title(workload)}: liveness asks {live!r}, readiness asks {ready!r}"


def _question(probe: dict[str, Any]) -> str:
    if "grpc" in probe:
        return f"grpc:{probe['grpc'].get('service', '')}"
    return str(probe.get("httpGet", {}).get("path", ""))
