"""Lab tests, lab orders with what the lab said about them, requisitions, reports and their markers."""

from labs.models.lab_order import LabOrder, LabOrderStatus
from labs.models.lab_test import LabTest
from labs.models.report import Report
from labs.models.requisition import Requisition
from labs.models.result import Result

__all__ = ["LabOrder", "LabOrderStatus", "LabTest", "Report", "Requisition", "Result"]
