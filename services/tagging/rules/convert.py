"""Messages of rules, from and to what they mean."""

from bowen.tagging.v1 import rule_pb2

from chassis.stamps import stamp
from services.tagging.rules.domain import Rule


def rule_to_proto(rule: Rule) -> rule_pb2.Rule:
    """A rule."""
    return rule_pb2.Rule(
        rule_id=rule.rule_id,
        tag_id=rule.tag_id,
        when=rule.when,
        state=rule_pb2.Rule.State.Value(f"STATE_{rule.state.name}"),
        create_time=stamp(rule.create_time),
    )
