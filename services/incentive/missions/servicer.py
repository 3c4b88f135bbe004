"""The gRPC face of missions."""

from typing import Any, TypeVar
from uuid import UUID

import grpc
from bowen.incentive.v1 import mission_pb2
from bowen.incentive.v1 import mission_service_pb2 as pb
from bowen.incentive.v1.mission_service_pb2_grpc import MissionServiceServicer

from chassis import pagination
from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, ReadTx, Tx
from chassis.idempotency import once
from chassis.ids import new_id
from services.incentive.budgets import store as budget_store
from services.incentive.missions import convert, domain, operations, store
from services.incentive.missions.domain import Mission, State
from services.incentive.subjects import store as subjects

Context = grpc.aio.ServicerContext[Any, Any]
Moving = TypeVar("Moving", pb.PauseMissionResponse, pb.ResumeMissionResponse)


class MissionServicer(MissionServiceServicer):
    """Missions are the brand's: a caller that is bound to a store has no part in them; a shopper sees their own way."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def CreateMission(self, request: pb.CreateMissionRequest, context: Context) -> pb.CreateMissionResponse:
        subjects.check_brand(current().caller)
        mission, budget = convert.mission_from_proto(
            request, mission_id=new_id(), budget_id=new_id(), now=self._clock.now()
        )

        async def work(tx: Tx) -> pb.CreateMissionResponse:
            await operations.create_mission(tx, mission, budget)
            return pb.CreateMissionResponse(mission=convert.mission_to_proto(mission, budget))

        return await once(self._db, request, work, pb.CreateMissionResponse)

    async def PauseMission(self, request: pb.PauseMissionRequest, context: Context) -> pb.PauseMissionResponse:
        return await self._move(request, State.PAUSED, pb.PauseMissionResponse)

    async def ResumeMission(self, request: pb.ResumeMissionRequest, context: Context) -> pb.ResumeMissionResponse:
        return await self._move(request, State.RUNNING, pb.ResumeMissionResponse)

    async def _move(
        self, request: pb.PauseMissionRequest | pb.ResumeMissionRequest, state: State, response: type[Moving]
    ) -> Moving:
        subjects.check_brand(current().caller)

        async def work(tx: Tx) -> Moving:
            mission = await operations.set_state(tx, UUID(request.mission_id), state)
            return response(mission=await _with_budget(tx, mission))

        return await once(self._db, request, work, response)

    async def GetMission(self, request: pb.GetMissionRequest, context: Context) -> pb.GetMissionResponse:
        subjects.check_brand(current().caller)
        async with self._db.read() as tx:
            mission = await store.get_mission(tx, UUID(request.mission_id))
            return pb.GetMissionResponse(mission=await _with_budget(tx, mission))

    async def ListMissions(self, request: pb.ListMissionsRequest, context: Context) -> pb.ListMissionsResponse:
        subjects.check_brand(current().caller)
        size = pagination.page_size(request.page_size)
        after = pagination.after(request, pagination.parse_id) or pagination.FIRST_ID
        async with self._db.read() as tx:
            missions = await store.list_missions(tx, after=after, limit=size + 1)
            budgets = await budget_store.find_budgets(tx, {mission.budget_id for mission in missions})
        page, token = pagination.cut(request, missions, size, lambda mission: [str(mission.mission_id)])
        return pb.ListMissionsResponse(
            missions=[convert.mission_to_proto(mission, budgets[mission.budget_id]) for mission in page],
            next_page_token=token,
        )

    async def GetMissionProgress(
        self, request: pb.GetMissionProgressRequest, context: Context
    ) -> pb.GetMissionProgressResponse:
        caller, mission_id = current().caller, UUID(request.mission_id)
        subjects.check_brand(caller)
        async with self._db.read() as tx:
            profile_id = await subjects.resolve(tx, request.profile_id)
            await subjects.check_own(tx, caller, profile_id)
            mission = await store.get_mission(tx, mission_id)
            members = [(mission_id, each) for each in await subjects.list_ids(tx, profile_id)]
            record = await store.read_record(tx, members)
        now = self._clock.now()
        return pb.GetMissionProgressResponse(
            target=mission.target,
            occurrences=[
                convert.standing_to_proto(each, now=now) for each in domain.standings(mission, *record.of(members))
            ],
        )


async def _with_budget(tx: ReadTx, mission: Mission) -> mission_pb2.Mission:
    budgets = await budget_store.find_budgets(tx, [mission.budget_id])
    return convert.mission_to_proto(mission, budgets[mission.budget_id])
