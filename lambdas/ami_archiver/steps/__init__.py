"""What a run does, one module per state of the workflow: pure decisions and ports, put in order.

`select` fills the queue, `check` finishes what EC2 has ended, `start` fills the budget, `report` tells what happened.
Each may die at any instruction and be run again: it writes its intention before the call, and looks before repeating.
"""

from ami_archiver.steps.check import check_store_tasks
from ami_archiver.steps.report import report_run
from ami_archiver.steps.select import select_images
from ami_archiver.steps.start import start_store_tasks

__all__ = ["check_store_tasks", "report_run", "select_images", "start_store_tasks"]
