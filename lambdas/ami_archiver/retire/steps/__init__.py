"""What a run does about originals: `plan` says which are due and why the others stay, `act` lets one go.

`settle` brings records to what EC2 shows, `approval` asks a person, `undo` takes a disabled original back.
"""
