"""The gRPC face of the rules of attributes."""

from bowen.profile.v1 import attribute_service_pb2 as pb
from bowen.profile.v1.attribute_service_pb2_grpc import AttributeServiceServicer

from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.errors import PermissionDenied
from chassis.idempotency import once
from services.profile.attributes import convert, operations, store
from services.profile.attributes.domain.rules import RULES_MAX


class AttributeServicer(AttributeServiceServicer):
    """Answers `bowen.profile.v1.AttributeService`. Rules are the brand's: a store's key may not."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock

    async def PutAttributeRule(
        self, request: pb.PutAttributeRuleRequest, context: object
    ) -> pb.PutAttributeRuleResponse:
        _check_brand()
        rule = convert.rule_from_proto(request, current().caller.principal, now=self._clock.now())

        async def work(tx: Tx) -> pb.PutAttributeRuleResponse:
            return pb.PutAttributeRuleResponse(rule=convert.rule_to_proto(await operations.put_rule(tx, rule)))

        return await once(self._db, request, work, pb.PutAttributeRuleResponse)

    async def ListAttributeRules(
        self, request: pb.ListAttributeRulesRequest, context: object
    ) -> pb.ListAttributeRulesResponse:
        _check_brand()
        async with self._db.read() as tx:
            if request.history_of:
                found = await store.list_history(tx, request.history_of, limit=RULES_MAX)
            else:
                found = await store.list_rules(tx, limit=RULES_MAX)
        return pb.ListAttributeRulesResponse(rules=map(convert.rule_to_proto, found))


def _check_brand() -> None:
    if current().caller.store_id:
        raise PermissionDenied("rules of attributes are not a store's")
