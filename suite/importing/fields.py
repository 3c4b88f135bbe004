"""Which column is which field: by flags, and by what columns are commonly called."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from suite.faults import Fault

SKIP = "-"
ATTRIBUTE = "attributes."

MEMBERS, ORDERS = "members", "orders"

IDENTIFIERS = (
    "user_id", "member_no", "phone", "email", "wx.unionid", "wx.openid", "wecom.external_userid", "taobao.omid",
    "taobao.ouid", "taobao.open_uid", "douyin.union_id", "douyin.open_id", "xhs.open_id", "jd.open_id", "weibo.uid",
    "alipay.user_id",
)  # fmt: skip
_MEMBER_FIELDS = ("row_id", "time")
_ORDER_FIELDS = (
    "order_number", "store_code", "store_id", "seller_id", "currency_code", "place_time", "pay_time", "deliver_time",
    "line_no", "sku", "category", "quantity", "unit_price", "unit_price_minor", "gross", "gross_minor", "discount",
    "discount_minor", "net", "net_minor",
)  # fmt: skip
_NEEDED = (
    ("order_number",),
    ("place_time",),
    ("sku",),
    IDENTIFIERS,
    ("unit_price", "unit_price_minor", "gross", "gross_minor"),
)

_ALIASES = {
    "order_id": "order_number", "order_no": "order_number", "basket_id": "order_number",
    "store": "store_code", "store_no": "store_code", "shop": "store_code", "shop_id": "store_code",
    "ordered_at": "place_time", "order_time": "place_time", "created_at": "place_time", "paid_at": "pay_time",
    "delivered_at": "deliver_time", "currency": "currency_code", "line": "line_no", "product_id": "sku",
    "product": "sku", "item": "sku", "qty": "quantity", "price": "unit_price", "member": "member_no",
    "member_id": "member_no", "member_number": "member_no", "card_no": "member_no", "card": "member_no",
    "mobile": "phone", "tel": "phone", "telephone": "phone", "mobile_phone": "phone", "e_mail": "email",
    "mail": "email", "unionid": "wx.unionid", "userid": "user_id", "订单号": "order_number", "会员号": "member_no",
    "会员卡号": "member_no", "手机": "phone", "手机号": "phone", "邮箱": "email",
    "门店": "store_code", "数量": "quantity", "单价": "unit_price",
}  # fmt: skip
"""What columns are called elsewhere. In a file of orders `store_id` holds the shop's own number: see `automatic`."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The column of each field. A field of a file has one column; columns without a field are left alone."""

    kind: str
    columns: Mapping[str, str]

    @property
    def identifiers(self) -> dict[str, str]:
        """Columns by identifier type; a namespace stands behind an `@`."""
        return {name: column for name, column in self.columns.items() if is_identifier(name)}

    @property
    def attributes(self) -> dict[str, str]:
        """Columns by attribute name."""
        return {
            name.removeprefix(ATTRIBUTE): column for name, column in self.columns.items() if name.startswith(ATTRIBUTE)
        }

    def get(self, row: Mapping[str, str], name: str) -> str:
        """A row's value of a field, without space around it; empty where the file has none."""
        column = self.columns.get(name)
        return row[column].strip() if column is not None else ""


def is_identifier(name: str) -> bool:
    """Whether a field is an identifier of a person, with or without its namespace."""
    return name.partition("@")[0] in IDENTIFIERS


def mapping(kind: str, header: Sequence[str], flags: Sequence[str]) -> Columns:
    """The fields of a file: what flags (`COLUMN=field`) say, the rest by name. Raises `Fault`."""
    if len(set(header)) < len(header):
        raise Fault(f"the file has two columns of one name: {', '.join(_twice(header))}")
    chosen = dict(_flag(flag, kind, header) for flag in flags)
    taken = {name for name in chosen.values() if name != SKIP}
    if len(taken) < sum(name != SKIP for name in chosen.values()):
        raise Fault("--map gives one field two columns")
    columns = {name: column for column, name in chosen.items() if name != SKIP}
    for column in header:
        name = SKIP if column in chosen else automatic(kind, column)
        if name != SKIP and name not in columns:
            columns[name] = column
    _check(kind, columns, header)
    return Columns(kind, columns)


def automatic(kind: str, column: str) -> str:
    """The field that a column's name means; an unknown column of a member is an attribute, of an order nothing."""
    name = re.sub(r"[^\w.]+", "_", column.strip().lower()).strip("_")
    if kind == ORDERS and name == "store_id":
        return "store_code"
    name = name if name in known(kind) else _ALIASES.get(name, name)
    if name in known(kind):
        return name
    return ATTRIBUTE + name if kind == MEMBERS and name else SKIP


def known(kind: str) -> tuple[str, ...]:
    """The fields of a kind of file, but attributes."""
    return (*(_MEMBER_FIELDS if kind == MEMBERS else _ORDER_FIELDS), *IDENTIFIERS)


def _flag(flag: str, kind: str, header: Sequence[str]) -> tuple[str, str]:
    column, separator, name = flag.rpartition("=")
    if not separator or not column or not name:
        raise Fault(f"--map {flag}: must be COLUMN=field, e.g. card=member_no, or COLUMN=- to leave a column out")
    if column not in header:
        raise Fault(f"--map {flag}: the file has no column {column!r}; it has {', '.join(header)}")
    is_attribute = kind == MEMBERS and name.startswith(ATTRIBUTE) and len(name) > len(ATTRIBUTE)
    if name != SKIP and name not in known(kind) and not is_identifier(name) and not is_attribute:
        more = f", {ATTRIBUTE}NAME" if kind == MEMBERS else ""
        raise Fault(f"--map {flag}: no field {name!r}; the fields are {', '.join(known(kind))}{more}")
    return column, name


def _check(kind: str, columns: Mapping[str, str], header: Sequence[str]) -> None:
    for names in _NEEDED if kind == ORDERS else (IDENTIFIERS,):
        if not any(name.partition("@")[0] in names for name in columns):
            what = names[0] if len(names) == 1 else f"one of {', '.join(names)}"
            raise Fault(f"no column is {what}; say which with --map COLUMN=field. The columns are {', '.join(header)}")
    buyers = [name for name in columns if is_identifier(name)]
    if kind == ORDERS and len(buyers) > 1:
        raise Fault(
            f"the buyer has {len(buyers)} columns ({', '.join(buyers)}); leave all but one out with --map COLUMN=-"
        )


def _twice(header: Sequence[str]) -> list[str]:
    return sorted({name for name in header if header.count(name) > 1})
