"""All checks of a rendered overlay."""

from collections.abc import Callable, Iterator

from deploy.k8s.policy import lifecycle, network, pods, references
from deploy.k8s.policy.callgraph import Graph
from deploy.k8s.policy.objects import Rendered

Check = Callable[[Rendered, Graph], Iterator[str]]
CHECKS: tuple[Check, ...] = (
    pods.restricted,
    pods.pinned,
    pods.bounded,
    pods.probed,
    references.placed,
    references.selected,
    references.present,
    references.confined,
    references.targeted,
    lifecycle.complete,
    lifecycle.graceful,
    lifecycle.rolled_out,
    lifecycle.evictable,
    lifecycle.migrated,
    network.exact,
)


def findings(rendered: Rendered, graph: Graph) -> list[str]:
    """Everything wrong with an overlay, as sentences."""
    return [finding for check in CHECKS for finding in check(rendered, graph)]
