from orders.models.line import OrderLine
from orders.models.order import Order

__all__ = ["Order", "OrderLine"]
