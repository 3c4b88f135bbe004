"""Whose orders a caller may touch."""

from dataclasses import dataclass
from uuid import UUID

from services.distribution.orders.domain.order import Order
from services.distribution.partners.domain import Visible
from services.distribution.partners.errors import NotYours


@dataclass(frozen=True, slots=True)
class Reach:
    """A caller bound to a store: the orders of that store, sold by the partners it may see. None: everybody's."""

    store_id: UUID | None = None
    visible: Visible = None

    def check(self, order: Order) -> None:
        """Raises `NotYours`."""
        self.check_store(order.draft.store_id)

    def check_store(self, store_id: UUID | None) -> None:
        """Raises `NotYours`."""
        if self.store_id is not None and store_id != self.store_id:
            raise NotYours


EVERYWHERE = Reach()
