"""What a restore run does, one module per state of the workflow: pure decisions and ports, put in order.

`plan` decides about every object, `start` thaws and fills the restore budget, `check` finishes what EC2 has ended,
`report` tells what happened. Each may die at any instruction and be run again: it writes its intention before the call,
and looks before repeating.
"""
