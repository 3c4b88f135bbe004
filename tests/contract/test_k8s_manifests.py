"""The Kubernetes manifests: they render, they are valid at every supported version, they mean what they should."""

import copy
import shutil
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from deploy.k8s.policy import callgraph, generate
from deploy.k8s.policy.check import CHECKS, findings
from deploy.k8s.policy.objects import Rendered, title
from deploy.k8s.policy.render import available, kustomizations, render, unpack

VERSIONS = ("1.30", "1.32", "1.36")
BROKEN = Path(__file__).parent / "k8s"
GRAPH = callgraph.load()
OVERLAYS = [str(each.relative_to(callgraph.ROOT)) for each in kustomizations(callgraph.ROOT)]

needs_kubectl = pytest.mark.skipif(not available(), reason="kubectl is not installed, so no overlay can be rendered")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The deployment's files with the development secrets made from their examples."""
    return unpack(callgraph.ROOT, tmp_path_factory.mktemp("k8s"))


@pytest.fixture(scope="module")
def overlays(tree: Path) -> dict[str, Rendered]:
    return {name: render(tree / name) for name in OVERLAYS}


@pytest.fixture(scope="module")
def whole(overlays: dict[str, Rendered]) -> Rendered:
    """The combination with every component switched on."""
    return overlays["tests/dev-all"]


def cases(*themes: str) -> list[Any]:
    return [
        pytest.param(case, id=f"{theme}: {case['what']}")
        for theme in themes
        for case in yaml.safe_load((BROKEN / f"{theme}.yaml").read_text(encoding="utf-8"))
    ]


def broken(rendered: Rendered, case: dict[str, Any]) -> Rendered:
    """The rendered objects with one thing changed, taken away (no `value`) or left out (an empty path)."""
    (victim,) = [each for each in rendered.objects if title(each) == case["object"]]
    others = [each for each in rendered.objects if each is not victim]
    if case.get("path") == []:
        return Rendered(others)
    victim = copy.deepcopy(victim)
    if "env" in case:
        variables = victim["spec"]["template"]["spec"]["containers"][0]["env"]
        (variable,) = [each for each in variables if each["name"] == case["env"]]
        variable["value"] = case["value"]
    else:
        _change(victim, case)
    return Rendered([*others, victim])


def _change(victim: Any, case: dict[str, Any]) -> None:
    *way, last = case["path"]
    for step in way:
        victim = victim[step]
    if "value" not in case:
        del victim[last]
    else:
        victim[last] = case["value"]


def schema_faults(rendered: Rendered, version: str) -> list[str]:
    faults = []
    for each in rendered.objects:
        try:
            kubernetes_validate.validate(each, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            faults.append(f"{title(each)}: {error.message}")
    return faults


@needs_kubectl
@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_renders_without_a_warning_and_keeps_every_rule(name: str, overlays: dict[str, Rendered]) -> None:
    assert findings(overlays[name], GRAPH) == []


@needs_kubectl
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_is_valid_at_every_supported_version(name: str, version: str, overlays: dict[str, Rendered]) -> None:
    assert schema_faults(overlays[name], version) == []


@needs_kubectl
@pytest.mark.parametrize("case", cases("pods", "references", "lifecycle", "network"))
def test_a_broken_manifest_is_refused(case: dict[str, Any], whole: Rendered) -> None:
    found = findings(broken(whole, case), GRAPH)

    assert any(case["says"] in each for each in found), found


@needs_kubectl
@pytest.mark.parametrize("case", cases("schema"))
def test_a_manifest_outside_the_schema_is_refused(case: dict[str, Any], whole: Rendered) -> None:
    found = schema_faults(broken(whole, case), VERSIONS[0])

    assert len(found) == 1
    assert case["says"] in found[0]


@needs_kubectl
def test_every_check_refuses_some_broken_manifest(whole: Rendered) -> None:
    pending = list(CHECKS)
    for case in cases("pods", "references", "lifecycle", "network"):
        manifests = broken(whole, case.values[0])
        pending = [check for check in pending if not list(check(manifests, GRAPH))]

    assert pending == []


@needs_kubectl
def test_a_warning_of_kustomize_is_an_error(tree: Path, tmp_path: Path) -> None:
    shutil.copytree(tree, tmp_path / "k8s")
    overlay = tmp_path / "k8s" / "overlays" / "prod"
    old = overlay / "kustomization.yaml"
    old.write_text(old.read_text(encoding="utf-8") + "commonLabels: {old: field}\n", encoding="utf-8")

    with pytest.raises(Exception, match="deprecated"):
        render(overlay)


def test_the_network_policies_are_those_of_the_call_graph() -> None:
    for path, text in generate.files(GRAPH).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run `python -m deploy.k8s.policy generate`"


def test_every_component_of_the_kustomization_is_in_a_tested_combination() -> None:
    folders = {each.parent.name for each in (callgraph.ROOT / "components").glob("*/kustomization.yaml")}
    used = set()
    for name in OVERLAYS:
        raw = yaml.safe_load((callgraph.ROOT / name / "kustomization.yaml").read_text(encoding="utf-8"))
        used |= {Path(each).name for each in raw["components"]}
        assert raw["components"][-1].endswith("/images"), f"{name}: images come last"

    assert used == folders


def test_no_secret_is_kept_beside_the_manifests() -> None:
    examples = callgraph.ROOT / "components" / "secrets-dev"

    assert "*.env" in (examples / ".gitignore").read_text(encoding="utf-8").split()
    for example in examples.glob("*.example"):
        assert "change-me" in example.read_text(encoding="utf-8")
