"""Privacy requests and suppressions in a few words."""

import json
from collections import defaultdict
from typing import Any

from bowen.profile.v1 import privacy_pb2, profile_pb2
from bowen.profile.v1 import privacy_service_pb2 as pb
from bowen.profile.v1 import suppression_service_pb2 as suppression_pb

from chassis.ids import new_id
from tests.service.profile.consenting import WITHDRAWN, a_statement, record
from tests.service.profile.speaking import Profile, an_event, identifier, identify
from tests.service.profile.test_people import a_row

Type, State = privacy_pb2.PrivacyRequest, privacy_pb2.PrivacyRequest
PHONE = "+8613812345678"
OTHERS = ("distribution", "incentive", "tagging")


async def ask(profile: Profile, type_name: str, profile_id: str = "", **fields: Any) -> privacy_pb2.PrivacyRequest:
    """Make a request about a person."""
    kind = privacy_pb2.PrivacyRequest.Type.Value(f"TYPE_{type_name}")
    told = {"request_id": str(new_id()), "type": kind, "profile_id": profile_id, **fields}
    answer = await profile.privacy_stub.CreatePrivacyRequest(pb.CreatePrivacyRequestRequest(**told))
    return answer.privacy_request


async def state(profile: Profile, request: privacy_pb2.PrivacyRequest) -> privacy_pb2.PrivacyRequest:
    asked = pb.GetPrivacyRequestRequest(privacy_request_id=request.privacy_request_id)
    return (await profile.privacy_stub.GetPrivacyRequest(asked)).privacy_request


async def bundle(profile: Profile, request: privacy_pb2.PrivacyRequest) -> dict[str, list[dict[str, Any]]]:
    """The lines of a bundle, by service and kind."""
    asked = pb.GetPrivacyBundleRequest(privacy_request_id=request.privacy_request_id)
    manifest = await profile.privacy_stub.GetPrivacyBundle(asked)
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for part in manifest.parts:
        wanted = pb.GetPrivacyBundlePartRequest(
            privacy_request_id=request.privacy_request_id, service=part.service, number=part.number
        )
        answer = await profile.privacy_stub.GetPrivacyBundlePart(wanted)
        assert answer.part == part
        for line in answer.lines.splitlines():
            told = json.loads(line)
            found[f"{part.service}/{told['kind']}"].append(told)
    return found


async def suppress(profile: Profile, *identifiers: profile_pb2.Identifier) -> int:
    request = suppression_pb.SuppressRequest(request_id=str(new_id()), identifiers=identifiers)
    return (await profile.suppression_stub.Suppress(request)).suppressed_count


async def unsuppress(profile: Profile, *identifiers: profile_pb2.Identifier) -> int:
    request = suppression_pb.UnsuppressRequest(request_id=str(new_id()), identifiers=identifiers)
    return (await profile.suppression_stub.Unsuppress(request)).unsuppressed_count


async def everything(profile: Profile) -> str:
    """All rows of all tables as text: what is not in it is not in the database."""
    tables = await profile.fetch(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    )
    told = []
    for table in tables:
        name = table["table_name"]
        told += [f"{name}: {row['t']}" for row in await profile.fetch(f"SELECT t::text FROM {name} AS t")]
    return "\n".join(told)


async def a_life(profile: Profile) -> str:
    """A person of a web visit, a login and an import, with a conflict, a merge and consent."""
    await profile.accepted(an_event(anonymous_id="dev-7", properties={"q": "secret"}))
    [person] = await profile.accepted(
        identify(user_id="user-1", anonymous_id="dev-7", traits={"name": "Zhang San", "email": "zhang@mail.cn"}),
    )
    await profile.imported(a_row("r1", member_no="M-00417", phone=PHONE))
    await profile.accepted(identify(user_id="user-1", identifiers=[identifier("member_no", "M-00417")]))
    await profile.accepted(identify(user_id="u2", identifiers=[identifier("member_no", "M-00417")]))
    await record(profile, person, a_statement(address=PHONE, state=WITHDRAWN, ip="10.9.8.7"))
    return person
