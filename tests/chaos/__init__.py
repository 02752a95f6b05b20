"""The proof that nothing is lost and nothing stored twice, whatever dies where and whoever else is at work.

wire             every call of the archiver to AWS, one by one: where faults are injected and others get their turn
faults           what can happen to a call
world            one stack in virtual time: the real handlers, driven by the synthesized definition
evidence         what can be seen from outside: the table, the bucket, EC2's tasks, what runs said
invariants       1 to 8 of the design, each a function of the evidence
scenarios        small nights, each with one difficulty
sweep            each fault at each call of a scenario, one per run
histories        whatever people, EC2 and functions do, at random; runs has what they share
interleavings    two at once: at each call of the one, the other one runs
redeploys        other settings between any two steps; policies_in_force judges what is called then
retirement_*     the same for originals: who watches what is taken away, scenes, meetings, invariants
restore*         the same for restores, and what one comes to
parts            what there is to play, and in what parts
__main__         all of it, in parallel: make chaos
"""
