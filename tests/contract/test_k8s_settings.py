"""What the manifests tell a component is what its settings understand, and its targets are the call graph's edges."""

import dataclasses
import importlib
from pathlib import Path
from typing import Any

import pytest

from chassis import config
from deploy.k8s.policy import callgraph
from deploy.k8s.policy.objects import Object, environment, pod, pod_labels
from deploy.k8s.policy.render import available, render, unpack

ROOT = Path(__file__).parent.parent.parent
GRAPH = callgraph.load()
FOLDERS = {name: name if name == "gateway" else f"services/{name}" for name in GRAPH.components}
WRITTEN = [name for name, folder in FOLDERS.items() if (ROOT / folder / "settings.py").exists()]
VALUES = {
    "BOWEN_DATABASE_URL": "postgresql://component:secret@postgres:5432/component",
    "BOWEN_NATS_URL": "nats://nats:4222",
    "BOWEN_ROOT_KEY": "bwn_" + "k" * 43,
    "BOWEN_SECRETS_KEY": "a-secrets-key-of-the-contract-tests",
    "BOWEN_VAULT_KEY": "A" * 43 + "=",
}

pytestmark = pytest.mark.skipif(not available(), reason="kubectl is not installed, so no overlay can be rendered")


@pytest.fixture(scope="module")
def workloads(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Object]:
    rendered = render(unpack(callgraph.ROOT, tmp_path_factory.mktemp("k8s")) / "overlays" / "prod")
    return {
        (each["kind"], pod_labels(each)["app.kubernetes.io/name"]): each for each in rendered.of("Deployment", "Job")
    }


def settings_class(component: str) -> type[Any]:
    """The one dataclass that the component's settings module defines."""
    module = importlib.import_module(FOLDERS[component].replace("/", ".") + ".settings")
    classes = [each for each in vars(module).values() if isinstance(each, type) and each.__module__ == module.__name__]
    (found,) = [each for each in classes if dataclasses.is_dataclass(each)]
    return found


def told(workload: Object, folder: Path) -> dict[str, str]:
    """The variables of a workload, with its secrets as files in `folder`."""
    variables = {name: value for name, value in environment(pod(workload)["containers"][0]).items() if "BOWEN" in name}
    for name in [name for name in variables if name.endswith("_FILE")]:
        path = folder / name
        path.write_text(VALUES[name.removesuffix("_FILE")], encoding="utf-8")
        variables[name] = str(path)
    return variables


@pytest.mark.parametrize("kind", ["Deployment", "Job"])
@pytest.mark.parametrize("component", WRITTEN)
def test_a_component_understands_all_that_it_is_told(
    component: str, kind: str, workloads: dict[tuple[str, str], Object], tmp_path: Path
) -> None:
    variables = told(workloads[kind, component], tmp_path)
    settings = config.load(settings_class(component), variables)

    known = {config.PREFIX + field.name.upper() for field in dataclasses.fields(settings)}
    assert {name.removesuffix("_FILE") for name in variables} - known == set()


@pytest.mark.parametrize("component", WRITTEN)
def test_the_targets_of_a_component_are_its_calls_in_the_call_graph(component: str) -> None:
    names = {field.name for field in dataclasses.fields(settings_class(component))}

    targets = {name.removesuffix("_target") for name in names if name.endswith("_target")}
    assert targets == set(GRAPH.components[component].calls)
