"""Forecasts: what a workflow would do with many tasks and workers, by discrete-event simulation.

Theory of operation. `model` joins a compiled workflow with numbers for each step: given by a person, measured in the
event log (`measured`), or assumed, and remembers which. `simulate` plays one replication: tasks come to the hook, workers
pull steps, runs walk the very edges of the workflow with its limits, the lead lands one batch at a time. `report` plays
many replications and gives means with confidence intervals, how busy everybody was, and the bottleneck.

Rules: pure. Random numbers come from generators that the caller seeds, one for each task of each replication, so that
the same task takes the same time whatever the number of workers (common random numbers: what-if tables compare like with like).
Simulated time is whole microseconds and equal times are served in the order in which they were planned, so that a seed gives
the same answer everywhere.

Why no library: `simpy` and its like bring processes as generators, shared resources and an environment. What is needed here
is a heap of events and the rules of *this* product (which worker may take which step, what a visit limit does), which no
library has; the loop itself is thirty lines of `heapq`, and generators would make it several times slower.
"""

from __future__ import annotations
