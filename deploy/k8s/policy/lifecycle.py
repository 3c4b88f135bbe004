"""How pods come and go: rollouts, eviction, drain, migrations."""

from collections.abc import Iterator

from deploy.k8s.policy.callgraph import Graph
from deploy.k8s.policy.objects import Object, Rendered, pod, pod_labels, selects, title

MARGIN_SECONDS = 5
PRE_STOP_SECONDS_MIN = 5


def graceful(rendered: Rendered, graph: Graph) -> Iterator[str]:
    """The pause before SIGTERM, the drain and a margin fit in the grace period."""
    for workload in _components(rendered, graph):
        grace = pod(workload).get("terminationGracePeriodSeconds", 30)
        for container in pod(workload)["containers"]:
            pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
            if pause < PRE_STOP_SECONDS_MIN:
                yield f"{title(workload)}: SIGTERM comes before clients have left (preStop {pause} s)"
            if pause + graph.drain_seconds + MARGIN_SECONDS > grace:
                yield f"{title(workload)}: {grace} s of grace do not cover {pause} s + {graph.drain_seconds} s + margin"


def rolled_out(rendered: Rendered, graph: Graph) -> Iterator[str]:
    """A rollout never takes a serving pod away before its successor serves, and spreads what it starts."""
    for workload in _components(rendered, graph):
        strategy = workload["spec"].get("strategy", {})
        if strategy.get("type") != "RollingUpdate" or strategy["rollingUpdate"].get("maxUnavailable") != 0:
            yield f"{title(workload)}: its rollout may take serving pods away"
        spread = pod(workload).get("topologySpreadConstraints", [])
        if {each["topologyKey"] for each in spread} != {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}:
            yield f"{title(workload)}: is not spread over nodes and zones"
        if not all(selects(each["labelSelector"], pod_labels(workload)) for each in spread):
            yield f"{title(workload)}: spreads other pods than its own"


def evictable(rendered: Rendered, graph: Graph) -> Iterator[str]:
    """Every component has one disruption budget, and none of them blocks a drain for ever."""
    budgets = list(rendered.of("PodDisruptionBudget"))
    for workload in _components(rendered, graph):
        count = sum(selects(each["spec"].get("selector"), pod_labels(workload)) for each in budgets)
        if count != 1:
            yield f"{title(workload)}: is under {count} disruption budgets"
    for budget in budgets:
        spec = budget["spec"]
        if spec.get("maxUnavailable") in (None, 0, "0%") or "minAvailable" in spec:
            yield f"{title(budget)}: may block every eviction"
        if spec.get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
            yield f"{title(budget)}: keeps a node with broken pods from draining"
        if len(rendered.selected_by(spec.get("selector", {}), "Deployment", "StatefulSet", "Job")) != 1:
            yield f"{title(budget)}: does not select exactly one workload"


def migrated(rendered: Rendered, graph: Graph) -> Iterator[str]:
    """Every component has one bounded migration Job of the same image, named by the release."""
    jobs = {pod_labels(each).get("app.kubernetes.io/name"): each for each in rendered.of("Job")}
    for workload in _components(rendered, graph):
        job = jobs.get(workload["metadata"]["name"])
        if job is None:
            yield f"{title(workload)}: has no migration"
            continue
        yield from (f"{title(job)}: {fault}" for fault in _job_faults(job, workload))


def _job_faults(job: Object, workload: Object) -> Iterator[str]:
    mine, theirs = pod(job)["containers"][0], pod(workload)["containers"][0]
    if mine["image"] != theirs["image"]:
        yield f"migrates with {mine['image']}, not {theirs['image']}"
    if mine.get("args") != ["migrate"] or "command" in mine:
        yield "does not run `migrate` of its image"
    if pod(job).get("restartPolicy") != "Never" or not {"activeDeadlineSeconds", "backoffLimit"} <= job["spec"].keys():
        yield "may run for ever"
    tag = mine["image"].rsplit("/", 1)[-1].partition(":")[2]
    if tag and "@" not in tag and not job["metadata"]["name"].endswith("-migrate-" + tag.replace(".", "-")):
        yield f"is not named by its release {tag}; a Job cannot be changed"


def _components(rendered: Rendered, graph: Graph) -> Iterator[Object]:
    return (each for each in rendered.of("Deployment") if each["metadata"]["name"] in graph.components)


def complete(rendered: Rendered, graph: Graph) -> Iterator[str]:
    """Exactly the components of the call graph are deployed."""
    if rendered.names("Deployment") != set(graph.components):
        yield f"Deployment: {sorted(rendered.names('Deployment'))} are not the call graph's {sorted(graph.components)}"
