"""What a run does, one module per state of the workflow: pure decisions and ports, put in order.

`select` fills the queue, `check` finishes what EC2 has ended, `start` fills the budget, `report` tells what happened.
Each may die at any instruction and be run again: it writes its intention before the call, and looks before repeating.
"""
