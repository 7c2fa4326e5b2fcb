from labs.admin.lab_order import LabOrderAdmin
from labs.admin.lab_test import LabTestAdmin
from labs.admin.report import ReportAdmin
from labs.admin.requisition import RequisitionAdmin

__all__ = ["LabOrderAdmin", "LabTestAdmin", "ReportAdmin", "RequisitionAdmin"]
