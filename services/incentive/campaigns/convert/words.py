"""The contract's words for ours, both ways."""

from bowen.incentive.v1 import campaign_pb2 as pb

from services.incentive.campaigns.domain import Act, Beneficiary, State
from services.incentive.campaigns.domain.effects import MaturityBase
from services.incentive.campaigns.domain.limits import Action, Entity, Period
from services.incentive.campaigns.domain.lint import Severity
from services.incentive.campaigns.domain.terms import AudienceMode, Channel, GroupMode, TouchChoice

STATES = {
    State.DRAFT: pb.Campaign.STATE_DRAFT,
    State.SCHEDULED: pb.Campaign.STATE_SCHEDULED,
    State.RUNNING: pb.Campaign.STATE_RUNNING,
    State.PAUSED: pb.Campaign.STATE_PAUSED,
    State.ENDED: pb.Campaign.STATE_ENDED,
    State.ARCHIVED: pb.Campaign.STATE_ARCHIVED,
}
ACTS = {
    Act.REGISTER: pb.ACT_REGISTER,
    Act.FOLLOW: pb.ACT_FOLLOW,
    Act.SCAN: pb.ACT_SCAN,
    Act.JOIN_GROUP: pb.ACT_JOIN_GROUP,
    Act.CHECK_IN: pb.ACT_CHECK_IN,
    Act.SHARE: pb.ACT_SHARE,
    Act.HELP: pb.ACT_HELP,
    Act.COLLECT: pb.ACT_COLLECT,
}
BENEFICIARIES = {
    Beneficiary.ACTOR: pb.Effect.BENEFICIARY_ACTOR,
    Beneficiary.SHARER: pb.Effect.BENEFICIARY_SHARER,
    Beneficiary.INVITER: pb.Effect.BENEFICIARY_INVITER,
    Beneficiary.INVITER_OF_INVITER: pb.Effect.BENEFICIARY_INVITER_OF_INVITER,
}
MATURITY_BASES = {
    MaturityBase.PAID: pb.Maturity.BASE_PAID,
    MaturityBase.DELIVERED: pb.Maturity.BASE_DELIVERED,
    MaturityBase.VERIFIED: pb.Maturity.BASE_VERIFIED,
}
ACTIONS = {Action.GRANTS: pb.Limit.ACTION_GRANTS, Action.AMOUNT: pb.Limit.ACTION_AMOUNT}
ENTITIES = {
    Entity.CAMPAIGN: pb.Limit.ENTITY_CAMPAIGN,
    Entity.MEMBER: pb.Limit.ENTITY_MEMBER,
    Entity.PERSON: pb.Limit.ENTITY_PERSON,
    Entity.DEVICE: pb.Limit.ENTITY_DEVICE,
    Entity.PHONE: pb.Limit.ENTITY_PHONE,
    Entity.STORE: pb.Limit.ENTITY_STORE,
    Entity.SHARER: pb.Limit.ENTITY_SHARER,
    Entity.CODE: pb.Limit.ENTITY_CODE,
    Entity.SESSION: pb.Limit.ENTITY_SESSION,
    Entity.REGION: pb.Limit.ENTITY_REGION,
}
PERIODS = {
    Period.NONE: pb.Limit.PERIOD_NONE,
    Period.DAY: pb.Limit.PERIOD_DAY,
    Period.WEEK: pb.Limit.PERIOD_WEEK,
    Period.MONTH: pb.Limit.PERIOD_MONTH,
    Period.YEAR: pb.Limit.PERIOD_YEAR,
    Period.ROLLING: pb.Limit.PERIOD_ROLLING,
}
AUDIENCE_MODES = {AudienceMode.LIVE: pb.Audience.MODE_LIVE, AudienceMode.SNAPSHOT: pb.Audience.MODE_SNAPSHOT}
GROUP_MODES = {GroupMode.FIRST: pb.EvalGroup.MODE_FIRST, GroupMode.BEST: pb.EvalGroup.MODE_BEST}
CHANNELS = {
    None: pb.CHANNEL_UNSPECIFIED,
    Channel.WECHAT_H5: pb.CHANNEL_WECHAT_H5,
    Channel.WECHAT_MINI_PROGRAM: pb.CHANNEL_WECHAT_MINI_PROGRAM,
    Channel.APP: pb.CHANNEL_APP,
    Channel.WEB: pb.CHANNEL_WEB,
    Channel.STORE: pb.CHANNEL_STORE,
}
TOUCH_CHOICES = {TouchChoice.LAST: pb.TOUCH_CHOICE_LAST, TouchChoice.FIRST: pb.TOUCH_CHOICE_FIRST}
SEVERITIES = {Severity.SOFT: pb.Finding.SEVERITY_SOFT, Severity.HARD: pb.Finding.SEVERITY_HARD}
