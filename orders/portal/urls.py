"""The portal's addresses of orders."""

from __future__ import annotations

from django.urls import path

from orders.portal.order import OrdersView, OrderView

urlpatterns = [
    path("orders/", OrdersView.as_view(), name="orders"),
    path("orders/<uuid:pk>/", OrderView.as_view(), name="order"),
]
