"""What a run does about originals: `plan` says which are due and why the others stay, `act` lets one go.

`settle` brings records to what EC2 shows, `approval` asks a person, `undo` takes a disabled original back.
"""

from ami_archiver.retire.steps.approval import ask_for_approval
from ami_archiver.retire.steps.step import retire_images
from ami_archiver.retire.steps.undo import undo_retirement

__all__ = ["ask_for_approval", "retire_images", "undo_retirement"]
