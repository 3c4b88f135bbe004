"""JD: orders of a shop.

JD's notices of orders could not be confirmed from a public document: neither where they are sent nor how they are
signed. So orders come as exports (`orders`): a job of the brand fetches them by `jingdong.pop.order.search` or `.get`
and posts them as they are. Source: the fields of these methods in the platform's SDKs. A `payment_confirm_time` of
the year 1 means none. Goods are what was paid with money or JD balance, less freight.

A channel's namespace is the shop. Whether `open_id_buyer` is one for all shops could not be confirmed: it is taken
for the shop's; `xid_buyer`, which follows it, is an account of its own kind (namespace `xid/` and the shop). `pin` is
a name of the buyer's own choice, and no person.
"""

from datetime import datetime

from gateway.channels.adapters.orders import Course, Fields, Line, Order, exported, heard
from gateway.channels.adapters.people import account, phone
from gateway.channels.adapters.reading import beijing, inner, money, objects, quantity, required, text
from gateway.channels.domain import Callback, Channel, Heard, Identifier, Told

_CLOSED = "TRADE_CANCELED"
_NO_TIME = "0001-01-01"


def jd(channel: Channel, callback: Callback) -> Told:
    """What the orders and refunds of an export tell."""
    return exported(channel, callback, _order, _buyer)


def _order(channel: Channel, fields: Fields) -> list[Heard]:
    state, freight = required(fields, "order_state"), money(fields.get("freight_price") or 0, "freight_price")
    balance = money(fields.get("balance_used") or 0, "balance_used")
    paid = money(fields.get("order_payment"), "order_payment") + balance
    lines = [_line(place, line) for place, line in objects(fields, "item_info_list")]
    order = Order(required(fields, "order_id"), lines, paid, freight)
    place, pay, end = (_time(fields, name) for name in ("order_start_time", "payment_confirm_time", "modified"))
    return heard(order, _buyer(channel, fields), Course(place, pay, end, is_closed=state == _CLOSED))


def _line(place: str, line: Fields) -> Line:
    sku = text(line.get("outer_sku_id")) or required(line, "sku_id")
    pieces = quantity(line.get("item_total", 1), f"{place}.item_total")
    return Line(sku, pieces, money(line.get("jd_price"), f"{place}.jd_price"), text(line.get("sku_name")))


def _time(fields: Fields, name: str) -> datetime | None:
    value = fields.get(name)
    return beijing(value, name) if value and not str(value).startswith(_NO_TIME) else None


def _buyer(channel: Channel, fields: Fields) -> list[Identifier]:
    contact = inner(fields, "consignee_info")
    return [
        *account("jd.open_id", channel.namespace, fields.get("open_id_buyer")),
        *account("jd.open_id", f"xid/{channel.namespace}", fields.get("xid_buyer")),
        *phone(contact.get("mobile") or contact.get("telephone")),
    ]
