from orders.admin.order import OrderAdmin

__all__ = ["OrderAdmin"]
