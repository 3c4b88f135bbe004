"""The gRPC face of rules."""

from typing import Any

import grpc
from bowen.tagging.v1 import rule_service_pb2 as pb
from bowen.tagging.v1.rule_service_pb2_grpc import RuleServiceServicer

from chassis import pagination
from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.idempotency import once
from chassis.ids import new_id
from services.tagging.rules import convert, operations, store
from services.tagging.subjects import store as subjects

Context = grpc.aio.ServicerContext[Any, Any]


class RuleServicer(RuleServiceServicer):
    """Answers `bowen.tagging.v1.RuleService`."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock

    async def CreateRule(self, request: pb.CreateRuleRequest, context: Context) -> pb.CreateRuleResponse:
        subjects.check_brand(current().caller)

        async def work(tx: Tx) -> pb.CreateRuleResponse:
            rule = await operations.create_rule(
                tx, rule_id=str(new_id()), tag_id=request.tag_id, when=request.when, now=self._clock.now()
            )
            return pb.CreateRuleResponse(rule=convert.rule_to_proto(rule))

        return await once(self._db, request, work, pb.CreateRuleResponse)

    async def StopRule(self, request: pb.StopRuleRequest, context: Context) -> pb.StopRuleResponse:
        subjects.check_brand(current().caller)

        async def work(tx: Tx) -> pb.StopRuleResponse:
            rule = await store.stop_rule(tx, request.rule_id)
            return pb.StopRuleResponse(rule=convert.rule_to_proto(rule))

        return await once(self._db, request, work, pb.StopRuleResponse)

    async def GetRule(self, request: pb.GetRuleRequest, context: Context) -> pb.GetRuleResponse:
        async with self._db.read() as tx:
            rule = await store.get_rule(tx, request.rule_id)
        return pb.GetRuleResponse(rule=convert.rule_to_proto(rule))

    async def ListRules(self, request: pb.ListRulesRequest, context: Context) -> pb.ListRulesResponse:
        size = pagination.page_size(request.page_size)
        after = pagination.after(request, pagination.parse_id) or pagination.FIRST_ID
        async with self._db.read() as tx:
            rules = await store.list_rules(tx, after=after, limit=size + 1)
        page, token = pagination.cut(request, rules, size, lambda rule: [rule.rule_id])
        return pb.ListRulesResponse(
            rules=[convert.rule_to_proto(rule) for rule in page],
            next_page_token=token,
        )
