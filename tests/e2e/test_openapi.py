"""Strangers who read nothing but the document: thousands of right and wrong requests, and no answer that it denies."""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from openapi_spec_validator import validate

from tests.e2e.running import Suite, running

RUN_SECONDS_MAX = 420.0
EXAMPLES_MAX = 10
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
)
# Whoever tries wrong keys is slowed down; here that is the test's work.
PATIENT = {"BOWEN_ADDRESS_RATE": "100000", "BOWEN_ADDRESS_BURST": "100000"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def suite() -> Iterator[Suite]:
    """A suite of its own: what strangers leave behind is nothing that other tests could work with."""
    folder = Path(tempfile.mkdtemp(prefix="bowen-strangers-"))
    with running(folder, PATIENT) as started:
        yield started
    shutil.rmtree(folder, ignore_errors=True)


async def test_the_document_is_valid_and_every_refusal_it_names_has_a_page(suite: Suite):
    async with httpx.AsyncClient(base_url=suite.url, trust_env=False) as client:
        document = (await client.get("/openapi.json")).json()
        reasons = (await client.get("/problems")).json()
        pages = [(await client.get(f"/problems/{reason}")).status_code for reason in reasons]

    await asyncio.to_thread(validate, document)
    assert document["openapi"].startswith("3.1")
    assert set(pages) == {200}


async def test_no_request_makes_a_server_error_or_an_answer_that_the_document_denies(suite: Suite, tmp_path: Path):
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "run", f"{suite.url}/openapi.json",
        "--header", f"Authorization: Bearer {suite.root_key}",
        "--checks", ",".join(CHECKS),
        "--phases", "examples,coverage,fuzzing",
        "--max-examples", str(EXAMPLES_MAX), "--generation-deterministic", "--continue-on-failure",
        "--max-redirects", "0", "--no-color", "--warnings", "off",
    ]  # fmt: skip

    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=tmp_path,
        env=os.environ | {"NO_PROXY": "*", "HYPOTHESIS_STORAGE_DIRECTORY": str(tmp_path)},
    )
    try:
        said = (await asyncio.wait_for(process.communicate(), RUN_SECONDS_MAX))[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert process.returncode == 0, said
    for component in ("profile", "tagging", "incentive", "distribution", "gateway"):
        assert "failed unexpectedly" not in suite.log(component)
