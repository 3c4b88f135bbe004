"""Reading rendered objects: kinds, pod templates, labels, quantities."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Object = dict[str, Any]
RUNNING = ("Deployment", "StatefulSet", "DaemonSet")
WORKLOADS = (*RUNNING, "Job", "CronJob")
CLUSTER_WIDE = ("Namespace", "ClusterRole", "ClusterRoleBinding", "PriorityClass", "StorageClass")

_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_FACTORS: dict[str | None, Decimal] = {
    None: Decimal(1),
    "m": Decimal("0.001"),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGT", start=1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGT", start=1)},
}


@dataclass(frozen=True, slots=True)
class Rendered:
    """What one overlay sends to a cluster."""

    objects: Sequence[Object]

    def of(self, *kinds: str) -> Iterator[Object]:
        """The objects of these kinds."""
        return (each for each in self.objects if each["kind"] in kinds)

    def names(self, kind: str) -> set[str]:
        """The names of the objects of a kind."""
        return {each["metadata"]["name"] for each in self.of(kind)}

    def selected_by(self, selector: Mapping[str, Any], *kinds: str) -> list[Object]:
        """The workloads whose pods a label selector picks."""
        return [each for each in self.of(*kinds) if selects(selector, pod_labels(each))]


def title(obj: Object) -> str:
    """The object in a finding, as kubectl writes it."""
    return f"{obj['kind']}/{obj['metadata']['name']}"


def pod(workload: Object) -> dict[str, Any]:
    """The pod spec of a workload."""
    spec: dict[str, Any] = _template(workload)["spec"]
    return spec


def pod_labels(workload: Object) -> dict[str, str]:
    """The labels that the workload's pods wear."""
    labels: dict[str, str] = _template(workload).get("metadata", {}).get("labels", {})
    return labels


def containers(workload: Object) -> list[dict[str, Any]]:
    """All containers of a workload's pods, those that only initialize included."""
    spec = pod(workload)
    return [*spec.get("initContainers", []), *spec["containers"]]


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector picks these labels. An empty selector picks everything."""
    if selector is None:
        return False
    wanted = selector.get("matchLabels", {}).items()
    expressions = selector.get("matchExpressions", [])
    return all(labels.get(key) == value for key, value in wanted) and all(_holds(each, labels) for each in expressions)


def quantity(text: object) -> Decimal | None:
    """A resource quantity as a number; `None` where Kubernetes would refuse it."""
    found = _QUANTITY.fullmatch(str(text))
    return Decimal(found[1]) * _FACTORS[found[2]] if found else None


def environment(container: Mapping[str, Any]) -> dict[str, str]:
    """The variables of a container that stand in the manifest as plain text."""
    return {each["name"]: each["value"] for each in container.get("env", []) if "value" in each}


def _template(workload: Object) -> dict[str, Any]:
    spec = workload["spec"]
    template: dict[str, Any] = (spec["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else spec)["template"]
    return template


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values", [])
    return {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }[expression["operator"]]
