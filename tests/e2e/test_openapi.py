"""Strangers who read nothing but the document: thousands of right and wrong requests, and no answer that it denies."""

import asyncio
import os
import shutil
import sys
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate

from chassis.ids import new_id
from tests.e2e.running import UNHURRIED, Suite, running

RUN_SECONDS_MAX = 900.0
EXAMPLES_MAX = 10
# Two strangers share the paths. Each is a process with one worker: threads that parse source at the same time fail each
# other in Python 3.11 before 3.11.8 (python/cpython#106905), and the tool parses the source of its own lambdas.
HALF = "^/v1/[a-o]"
SHARES = ("--include-path-regex", "--exclude-path-regex")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
)
# Whoever tries wrong keys is slowed down; here that is the test's work.
PATIENT = {"BOWEN_ADDRESS_RATE": "100000", "BOWEN_ADDRESS_BURST": "100000", **UNHURRIED}

# Fields of paths whose patterns nothing else keeps.
PATHS = {"bill_no": "0" * 26, "class": "profile"}

# The one refusal that an example may get: names below `.example` lead nowhere.
NOWHERE = "must have a host that can be resolved"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def suite() -> Iterator[Suite]:
    """A suite of its own: what strangers leave behind is nothing that other tests could work with."""
    folder = Path(tempfile.mkdtemp(prefix="bowen-strangers-"))
    with running(folder, PATIENT) as started:
        yield started
    shutil.rmtree(folder, ignore_errors=True)


async def test_the_document_is_valid_and_every_refusal_it_names_has_a_page(suite: Suite):
    async with httpx.AsyncClient(base_url=suite.url, trust_env=False, timeout=60) as client:
        document = (await client.get("/openapi.json")).json()
        reasons = (await client.get("/problems")).json()
        pages = [(await client.get(f"/problems/{reason}")).status_code for reason in reasons]

    await asyncio.to_thread(validate, document)
    assert document["openapi"].startswith("3.1")
    assert set(pages) == {200}


async def test_no_example_is_refused_as_a_bad_request(suite: Suite):
    bearer = f"Bearer {suite.root_key}"
    basic = f"Basic {b64encode(f'{suite.write_key}:'.encode()).decode()}"
    refused = []
    async with httpx.AsyncClient(base_url=suite.url, trust_env=False, timeout=60) as client:
        document = (await client.get("/openapi.json")).json()
        shown = [one for one in operations(document) if "example" in content_of(one[2])]
        for method, path, operation in shown:
            is_event = {"write_key": []} in operation["security"]
            headers = {"Authorization": basic if is_event else bearer, "Idempotency-Key": str(new_id())}
            answer = await client.request(method, path, json=content_of(operation)["example"], headers=headers)
            is_wrong = answer.status_code in {400, 401, 403} and NOWHERE not in answer.text
            if is_wrong or answer.is_server_error or "rejected" in answer.text.lower():
                refused.append(f"{method} {path} {answer.status_code} {answer.text}")

    assert not refused, "\n".join(refused)


async def test_what_asks_for_credentials_answers_nobody_without(suite: Suite):
    async with httpx.AsyncClient(base_url=suite.url, trust_env=False, timeout=60) as client:
        document = (await client.get("/openapi.json")).json()
        asking = [(method, path) for method, path, operation in operations(document) if {} not in operation["security"]]
        told = [
            (method, path, (await client.request(method, path, headers=headers)).status_code)
            for method, path in asking
            for headers in ({}, {"Authorization": "Bearer bk_nobody_has_this_one"})
        ]

    assert len(asking) > 200
    assert [call for call in told if call[2] != 401] == []


async def test_no_request_makes_a_server_error_or_an_answer_that_the_document_denies(suite: Suite, tmp_path: Path):
    ends = await asyncio.gather(*(end_of_stranger(suite, tmp_path, share) for share in SHARES))

    for code, said in ends:
        assert code == 0, said
    for component in ("profile", "tagging", "incentive", "distribution", "gateway"):
        assert "failed unexpectedly" not in suite.log(component)


async def end_of_stranger(suite: Suite, folder: Path, share: str) -> tuple[int | None, str]:
    """Exit code and report of one who tries one share of the paths."""
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "run", f"{suite.url}/openapi.json",
        "--header", f"Authorization: Bearer {suite.root_key}",
        "--checks", ",".join(CHECKS), share, HALF,
        "--phases", "examples,coverage,fuzzing", "--workers", "1",
        "--max-examples", str(EXAMPLES_MAX), "--generation-deterministic", "--continue-on-failure",
        "--request-timeout", "60", "--max-redirects", "0", "--no-color", "--warnings", "off",
        "--suppress-health-check", "too_slow",
    ]  # fmt: skip

    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=folder,
        env=os.environ | {"NO_PROXY": "*", "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / share)},
    )
    try:
        said = (await asyncio.wait_for(process.communicate(), RUN_SECONDS_MAX))[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, said


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path, filled in, and description of every operation."""
    for template, item in document["paths"].items():
        for method, operation in item.items():
            parameters = [one for one in operation.get("parameters", []) if one["in"] == "path"]
            given = {one["name"]: PATHS.get(one["name"]) or a_value(one["schema"]) for one in parameters}
            yield method.upper(), template.format(**given), operation


def content_of(operation: dict[str, Any]) -> dict[str, Any]:
    """How a body stands in the document."""
    return dict(operation.get("requestBody", {}).get("content", {}).get("application/json", {}))


def a_value(schema: dict[str, Any]) -> str:
    """A value of a field that stands in a path."""
    return str(new_id()) if schema.get("format") == "uuid" else "points"
