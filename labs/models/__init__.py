"""Lab tests, lab orders with what the lab said about them, requisitions, reports and their markers."""

from labs.models.lab_order import LabOrder, LabOrderStatus
from labs.models.lab_test import LabTest
from labs.models.report import Report, Result
from labs.models.requisition import Requisition

__all__ = ["LabOrder", "LabOrderStatus", "LabTest", "Report", "Requisition", "Result"]
