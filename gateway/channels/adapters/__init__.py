"""The platforms that are spoken to: one adapter each."""

from types import MappingProxyType

from gateway.channels.adapters import wechat, wecom
from gateway.channels.domain import Adapter, Kind

ADAPTERS: MappingProxyType[Kind, Adapter] = MappingProxyType(
    {
        Kind.WECHAT_OFFICIAL: wechat.official_account,
        Kind.WECHAT_MINI_PROGRAM: wechat.mini_program,
        Kind.WECOM: wecom.wecom,
    }
)
