"""Why rules and values of attributes are refused."""

from chassis.errors import FailedPrecondition, InvalidArgument


class AttributeRuleInvalid(InvalidArgument):
    """A rule of an attribute does not fit together."""

    reason = "ATTRIBUTE_RULE_INVALID"


class AttributeRulesMax(FailedPrecondition):
    """There are as many attributes with rules as there may be."""

    reason = "ATTRIBUTE_RULES_MAX"

    def __init__(self, count_max: int) -> None:
        super().__init__("there are too many attributes with rules", count_max=str(count_max))


class AttributeConsentMissing(FailedPrecondition):
    """An attribute is sensitive, or its person a child, and nobody who may has agreed that it is kept."""

    reason = "ATTRIBUTE_CONSENT_MISSING"

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} needs a consent that was not given", attribute=name)
