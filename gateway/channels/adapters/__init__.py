"""The platforms that are spoken to: one adapter each."""

from types import MappingProxyType

from gateway.channels.adapters.call_centre import call_centre
from gateway.channels.adapters.douyin import douyin
from gateway.channels.adapters.jd import jd
from gateway.channels.adapters.pos import pos
from gateway.channels.adapters.taobao import taobao
from gateway.channels.adapters.wechat import mini_program, official_account
from gateway.channels.adapters.wecom import wecom
from gateway.channels.adapters.weibo import weibo
from gateway.channels.adapters.xiaohongshu import xiaohongshu
from gateway.channels.domain import Adapter, Kind

ADAPTERS: MappingProxyType[Kind, Adapter] = MappingProxyType(
    {
        Kind.WECHAT_OFFICIAL: official_account,
        Kind.WECHAT_MINI_PROGRAM: mini_program,
        Kind.WECOM: wecom,
        Kind.DOUYIN: douyin,
        Kind.XIAOHONGSHU: xiaohongshu,
        Kind.TAOBAO: taobao,
        Kind.JD: jd,
        Kind.WEIBO: weibo,
        Kind.POS: pos,
        Kind.CALL_CENTRE: call_centre,
    }
)
