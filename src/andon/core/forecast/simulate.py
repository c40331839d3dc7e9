"""One replication: tasks, workers, the lead and time, walking the compiled workflow.

Theory of operation. A heap holds (time, number, action). Workers are told apart as by the rules: one may not take a
step whose role must be distinct from one that it played in the run, nor review what it is an author of. A free worker
takes the oldest ready step that it may do, and only then a new task, as `andon next` does. Commands are carried out by
the worker whose advance led to them. The lead takes up to `window` runs a round, which is played by the merge queue's own
rules (`lead`); a lead that is killed on the way has decided nothing, and another begins the round anew.

What routing does with a real run is done here to a run without content: edges by outcome, choices, forks and joins, visit,
attempt, submission, token and wall-time limits. Where a real run would wait for a person (`RunBlocked`), this one is over and
counted with the reason.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable
from typing import Any

from andon.core import workflow as w
from andon.core.forecast.jobs import Job, Lane, Visit, Worker
from andon.core.forecast.lead import Played, play_round
from andon.core.forecast.model import Model, StepModel
from andon.core.forecast.spread import Uniform
from andon.core.forecast.tally import TICKS, Tally
from andon.core.merge_queue import WINDOW_START, adapted

MAX_HOPS = 200
MAX_WIDTH = 1000
"""Children of one fan-out."""
Choose = Callable[[str, str, str, dict[str, int]], str | None]
"""(choice, condition, outcome, visits) -> "yes" | "no", or None when what it asks for is not known in a simulation."""


class Simulation:
    """draws: the generator of each task by its number from 0; -1 is that of arrivals."""

    def __init__(
        self, model: Model, workers: list[frozenset[str] | None], draws: Callable[[int], Uniform], choose: Choose
    ) -> None:
        self.model = model
        self.workflow = model.workflow
        self.choose = choose
        self.draws = draws
        self.edges = {node: self.workflow.out(node) for node in (*self.workflow.steps, *self.workflow.pseudo)}
        self.by_outcome = {(x.source, x.outcome): x.target for x in reversed(self.workflow.edges)}
        self.distinct = {name: frozenset(role.distinct_from) for name, role in self.workflow.roles.items()}
        start = model.steps.get(self.workflow.start)
        self.first_role = start.role if start is not None and start.kind == "agent" else ""
        self.workers = [Worker(number, roles) for number, roles in enumerate(workers)]
        self.idle: dict[int, Worker] = {worker.number: worker for worker in self.workers}
        self.ready: dict[str, dict[int, Visit]] = {}
        self.fresh: deque[Job] = deque()
        self.to_land: deque[Visit] = deque()
        self.landing = False
        self.window = WINDOW_START
        self.tally = Tally(list(model.steps), len(workers))
        self.now = 0
        self._heap: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._number = 0

    # ------------------------------------------------------------ time

    def run(self, tasks: int) -> Tally:
        """Play until nothing can happen any more."""
        uniform, at = self.draws(-1), 0
        for number in range(tasks):
            at += round(self.model.arrivals.draw(uniform) * TICKS) if number else 0
            self._after(at, self._arrive, Job(number, self.draws(number), at))
        heap = self._heap
        while heap:
            self.now, _, action, arguments = heapq.heappop(heap)
            action(*arguments)
        self._nobody_may()
        self.tally.now = self.now
        return self.tally

    def _after(self, ticks: int, action: Callable[..., None], *arguments: Any) -> None:
        self._number += 1
        heapq.heappush(self._heap, (self.now + ticks, self._number, action, arguments))

    def _arrive(self, job: Job) -> None:
        for worker in self.idle.values():
            if worker.may_play(self.first_role):
                del self.idle[worker.number]
                self._start(worker, job)
                return
        self.fresh.append(job)

    def _nobody_may(self) -> None:
        """What is left when nothing happens any more: steps that none of these workers may take."""
        for visits in self.ready.values():
            for visit in list(visits.values()):
                self._block(visit.job, f"no worker may do step {visit.step.id}")
        for _ in self.fresh:
            self.tally.blocked["no worker may begin"] += 1

    # ------------------------------------------------------------ workers

    def _free(self, worker: Worker) -> None:
        """The worker pulls the next piece of work, or waits."""
        best: Visit | None = None
        for role, visits in self.ready.items():
            if worker.roles is not None and role and role not in worker.roles:
                continue
            for visit in visits.values():
                if best is not None and best.number < visit.number:
                    break
                if self._may(worker, visit):
                    best = visit
                    break
        if best is not None:
            del self.ready[best.step.role][best.number]
            self._work(worker, best)
            return
        if self.fresh and worker.may_play(self.first_role):
            self._start(worker, self.fresh.popleft())
            return
        self.idle[worker.number] = worker

    def _start(self, worker: Worker, job: Job) -> None:
        """Begin a run: its first step is this worker's, when workers do it."""
        job.started = self.now
        job.carried, job.is_new = worker, True
        self._walk(job, self.workflow.start, None, w.PASSED)
        job.is_new = False
        if job.carried is worker:
            job.carried = None
            self._free(worker)

    def _may(self, worker: Worker, visit: Visit) -> bool:
        """Whether the rules let this worker claim the step."""
        role, job = visit.step.role, visit.job
        if not worker.may_play(role) or worker.number in visit.reviewers:
            return False
        if visit.reviewing and worker.number in job.authors:
            return False
        return not any(worker.number in job.roles.get(other, ()) for other in self.distinct.get(role, ()))

    def _offer(self, visit: Visit) -> None:
        """Ready: for the worker whose hands are free, for one that waits, or on the hook."""
        self._number += 1
        visit.number, visit.ready_at = self._number, self.now
        carrier = visit.job.carried
        if carrier is not None and visit.job.is_new and self._may(carrier, visit):
            visit.job.carried, visit.job.is_new = None, False
            self._work(carrier, visit, from_hook=True)
            return
        for worker in self.idle.values():
            if self._may(worker, visit):
                del self.idle[worker.number]
                self._work(worker, visit)
                return
        self.ready.setdefault(visit.step.role, {})[visit.number] = visit

    # ------------------------------------------------------------ attempts

    def _work(self, worker: Worker, visit: Visit, *, from_hook: bool = False) -> None:
        job, step = visit.job, visit.step
        uniform = job.uniform
        tally = self.tally.steps[step.id]
        if from_hook:
            self.tally.hook_waits.append(self.now - job.arrived)
        else:
            tally.waits.append(self.now - visit.ready_at)
        tally.attempts += 1
        job.roles.setdefault(step.role, set()).add(worker.number)
        seconds = step.duration.draw(uniform)
        how = "done"
        red = 0
        if step.lost and uniform() < step.lost:
            how, seconds = "lost", seconds * uniform()
        elif step.red:
            while uniform() < step.red:
                red += 1
                seconds += step.fix.draw(uniform)
                if red >= self.workflow.limits.submissions:
                    how = "exhausted"
                    break
        tally.red += red
        tally.verifications += step.gates * (red + (how == "done"))
        ticks = round(seconds * TICKS)
        tally.busy += ticks
        self.tally.worked[worker.number] += ticks
        self._after(ticks, self._worked, worker, visit, how)

    def _worked(self, worker: Worker, visit: Visit, how: str) -> None:
        job, step = visit.job, visit.step
        tokens = step.tokens.draw(job.uniform)
        job.tokens += tokens
        self.tally.tokens += tokens
        if how == "done":
            job.carried = worker
            self._done(worker, visit)
            if job.carried is not worker:
                return
            job.carried = None
        elif not visit.is_void:
            self._attempt_lost(visit, how)
        self._free(worker)

    def _done(self, worker: Worker, visit: Visit) -> None:
        job, step = visit.job, visit.step
        if visit.is_void:
            return
        if visit.pieces is not None:
            self._piece_done(visit)
            return
        if step.authors:
            # Another change: what was said of the one before holds no more (law 2).
            job.authors.add(worker.number)
            job.approved.clear()
            job.origin = step.id
        outcome = self._outcome(job, step)
        if outcome == w.PASSED and visit.reviewing:
            visit.reviewers.add(worker.number)
            if len(visit.reviewers) < step.reviewers:
                job.carried = None
                self._offer(visit)
                job.carried = worker
                return
        if outcome == w.PASSED:
            job.approved |= step.approves
        answer = round(step.answer.draw(job.uniform) * TICKS) if outcome == w.PASSED else 0
        if answer:
            self._after(answer, self._leave, visit, outcome)
        else:
            self._leave(visit, outcome)

    def _attempt_lost(self, visit: Visit, how: str) -> None:
        """The step is offered again: at once, or when the lease of the silent worker is over."""
        self.tally.steps[visit.step.id].lost += 1
        visit.attempts += 1
        if visit.attempts >= visit.step.attempts:
            whole = visit.pieces or visit
            self._withdraw_pieces(whole)
            self._leave(whole, w.FAILED)
        else:
            self._after(round(visit.step.lease_s * TICKS) if how == "lost" else 0, self._offer_again, visit)

    def _offer_again(self, visit: Visit) -> None:
        if not visit.is_void:
            self._offer(visit)

    @staticmethod
    def _outcome(job: Job, step: StepModel) -> str:
        left = job.uniform() if step.outcomes else 0.0
        if not step.needs <= job.approved:
            # A gate is closed: whoever works here can do anything but pass.
            left *= math.fsum(chance for _, chance in step.outcomes)
            return next((name for name, chance in step.outcomes if (left := left - chance) < 0), w.FAILED)
        for name, chance in step.outcomes:
            left -= chance
            if left < 0:
                return name
        return w.PASSED

    # ------------------------------------------------------------ fan-outs

    def _fan_out(self, visit: Visit) -> None:
        """Children are simulated as one piece of agent work each; what a join does not wait for is withdrawn."""
        step = visit.step
        count = min(max(round(step.width.draw(visit.job.uniform)), 0), MAX_WIDTH)
        visit.needed = min(step.needed or count, count)
        if not visit.needed:
            self._leave(visit, w.PASSED)
            return
        visit.held = [Visit(visit.job, step, visit.lane, self.now, pieces=visit) for _ in range(count)]
        carried, visit.job.carried = visit.job.carried, None
        for _ in range(step.max_parallel or count):
            self._next_piece(visit)
        visit.job.carried = carried

    def _next_piece(self, visit: Visit) -> None:
        if visit.held:
            self._offer(visit.held.pop())

    def _piece_done(self, piece: Visit) -> None:
        whole = piece.pieces
        if whole is None:
            return
        whole.needed -= 1
        if whole.needed > 0:
            self._next_piece(whole)
            return
        self._withdraw_pieces(whole)
        self._leave(whole, self._outcome(whole.job, whole.step))

    def _withdraw_pieces(self, whole: Visit) -> None:
        whole.left = True
        self._withdraw(lambda visit: visit.pieces is whole)

    def _withdraw(self, chosen: Callable[[Visit], bool]) -> None:
        """Take visits off the hook."""
        for visits in self.ready.values():
            for number in [x for x, visit in visits.items() if chosen(visit)]:
                del visits[number]

    # ------------------------------------------------------------ leaving and entering

    def _leave(self, visit: Visit, outcome: str) -> None:
        job, step = visit.job, visit.step
        if job.over or self._limit_reached(job):
            return
        target = self.by_outcome.get((step.id, outcome))
        if target is None:
            self._block(job, f"step {step.id} ended `{outcome}`, which has no edge")
            return
        self._left(visit)
        self._walk(job, target, visit.lane, outcome)

    def _left(self, visit: Visit) -> None:
        visit.job.active.discard(visit.step.id)
        self.tally.steps[visit.step.id].delay += self.now - visit.entered_at

    def _walk(self, job: Job, node: str, lane: Lane | None, outcome: str) -> None:
        queue = [(node, lane)]
        for _ in range(MAX_HOPS):
            if not queue or job.over:
                return
            node, lane = queue.pop(0)
            kind = self.workflow.pseudo.get(node)
            if node == w.END:
                self._end(job, lane)
            elif kind is None:
                self._enter(job, node, lane)
            elif kind == "choice":
                queue.append((self._chosen(job, node, outcome), lane))
            elif kind == "fork":
                targets = [edge.target for edge in self.edges[node]]
                group = Lane(lane, len(targets))
                queue.extend((target, group) for target in targets)
            elif lane is None:
                self._block(job, f"join {node} was reached by a branch that no fork opened")
            else:
                lane.open -= 1
                if lane.open == 0:
                    queue.extend((edge.target, lane.parent) for edge in self.edges[node])
        self._block(job, f"more than {MAX_HOPS} choices, forks and joins in a row at {node}")

    def _chosen(self, job: Job, choice: str, outcome: str) -> str:
        given = self.model.choices.get(choice)
        edges = self.edges[choice]
        if given is not None:
            left = job.uniform()
            for target, chance in given:
                left -= chance
                if left < 0:
                    return target
            return given[-1][0]
        for edge in sorted(edges, key=lambda x: x.condition is None):
            answer = self.choose(choice, edge.condition, outcome, job.visits) if edge.condition else "yes"
            if answer is None:
                return edges[int(job.uniform() * len(edges))].target
            if answer == "yes":
                return edge.target
        return edges[-1].target

    def _enter(self, job: Job, name: str, lane: Lane | None) -> None:
        step = self.model.steps[name]
        if name in job.active:
            self._block(job, f"step {name} was entered again while it is active in another branch")
            return
        job.active.add(name)
        visits = job.visits[name] = job.visits.get(name, 0) + 1
        job.visits_total += 1
        self.tally.steps[name].visits += 1
        if visits > self.workflow.limits.visits:
            self._block(job, f"step {name} reached its limit of {self.workflow.limits.visits} visits")
            return
        visit = Visit(job, step, lane, self.now)
        if step.kind == "agent":
            self._offer(visit)
        elif step.kind in ("fanout", "workflow"):
            self._fan_out(visit)
        elif step.kind == "land":
            self._after(round(step.answer.draw(job.uniform) * TICKS), self._queue_to_land, visit)
        elif step.kind in ("human", "wait"):
            self._wait(visit)
        else:
            self._carry_out(visit)

    def _wait(self, visit: Visit) -> None:
        step, uniform = visit.step, visit.job.uniform
        seconds = step.duration.draw(uniform)
        if step.expires_s is not None and seconds >= step.expires_s:
            self._after(round(step.expires_s * TICKS), self._leave, visit, step.on_expiry)
        else:
            self._after(round(seconds * TICKS), self._leave, visit, self._outcome(visit.job, step))

    def _carry_out(self, visit: Visit) -> None:
        """A command: the hands of the worker who led here are busy with it."""
        step, job = visit.step, visit.job
        carrier, job.carried = job.carried, None
        seconds = step.duration.draw(job.uniform)
        outcome = w.FAILED if step.red and job.uniform() < step.red else w.PASSED
        tally, ticks = self.tally.steps[step.id], round(seconds * TICKS)
        tally.waits.append(0)
        tally.attempts += 1
        tally.verifications += step.gates
        tally.busy += ticks
        if carrier is not None:
            self.tally.worked[carrier.number] += ticks
        self._after(ticks, self._carried_out, visit, outcome, carrier)

    def _carried_out(self, visit: Visit, outcome: str, carrier: Worker | None) -> None:
        visit.job.carried = carrier
        self._leave(visit, outcome)
        if carrier is not None and visit.job.carried is carrier:
            visit.job.carried = None
            self._free(carrier)

    # ------------------------------------------------------------ landing

    def _queue_to_land(self, visit: Visit) -> None:
        visit.ready_at = self.now
        self.to_land.append(visit)
        self._land()

    def _land(self) -> None:
        """One round of the lead, by the rules of its merge queue."""
        if self.landing or not self.to_land:
            return
        batch: list[Visit] = []
        while self.to_land and len(batch) < self._window(batch[0] if batch else self.to_land[0]):
            visit = self.to_land.popleft()
            if visit.job.over:
                continue
            if not visit.waited:
                self.tally.steps[visit.step.id].waits.append(self.now - visit.ready_at)
                visit.waited = True
                visit.at_fault = bool(visit.step.red) and visit.job.uniform() < visit.step.red
            batch.append(visit)
        if not batch:
            return
        self.landing = True
        first, uniform = batch[0].step, batch[0].job.uniform
        played = play_round(
            [visit.at_fault or not visit.step.needs <= visit.job.approved for visit in batch],
            lambda place: round(batch[place].step.duration.draw(batch[place].job.uniform) * TICKS),
            lambda place: bool(first.flaky) and batch[place].job.uniform() < first.flaky,
            mode=first.mode,
            retries=first.retries,
            parallel=first.parallel,
        )
        share = uniform() if first.lost and uniform() < first.lost else None
        tally = self.tally.steps[first.id]
        # A lead that is killed has measured a part of the round; all of it is measured again.
        checks = played.checks if share is None else max(1, int(played.checks * share))
        length = played.ticks if share is None else round(played.ticks * share)
        tally.attempts += checks
        tally.verifications += first.gates * checks
        tally.busy += length
        if share is not None:
            tally.lost += 1
            self._after(length, self._round_over, batch, None)
            return
        tally.flaky += played.flaky
        if first.adaptive:
            self.window = adapted(self._window(batch[0]), first.window, red=bool(played.back))
        self.tally.landed_rounds += 1
        self._after(length, self._round_over, batch, played)

    def _window(self, visit: Visit) -> int:
        return min(self.window, visit.step.window) if visit.step.adaptive else visit.step.window

    def _round_over(self, batch: list[Visit], played: Played | None) -> None:
        """played: None when the lead was killed on the way."""
        self.landing = False
        land, back = (played.land, played.back) if played is not None else ((), ())
        for place in reversed(range(len(batch))):
            if place not in land and place not in back:
                self.to_land.appendleft(batch[place])
        for place, visit in enumerate(batch):
            if visit.job.over:
                continue
            if place in back:
                self._refused(visit)
            elif place in land:
                self._leave(visit, w.PASSED)
        self._land()

    def _refused(self, visit: Visit) -> None:
        """Along the land step's own edge, else to the step that submitted the work."""
        job = visit.job
        self.tally.steps[visit.step.id].red += 1
        if (visit.step.id, w.FAILED) in self.by_outcome:
            self._leave(visit, w.FAILED)
        elif job.origin:
            self._left(visit)
            self._walk(job, job.origin, visit.lane, w.FAILED)
        else:
            self._block(job, f"landing was refused at {visit.step.id} and nobody submitted the work")

    # ------------------------------------------------------------ the end

    def _limit_reached(self, job: Job) -> bool:
        limits = self.workflow.limits
        if limits.tokens is not None and job.tokens > limits.tokens:
            self._block(job, f"more than the limit of {limits.tokens} tokens was used")
        elif self.now - job.started > limits.wall_time_s * TICKS:
            self._block(job, f"the run took longer than its wall-time limit of {limits.wall_time_s:.0f} s")
        return job.over

    def _block(self, job: Job, reason: str) -> None:
        """The cord: a person would be needed. For the forecast the run is over."""
        if not job.over:
            job.over = True
            self.tally.blocked[reason] += 1
            self._withdraw(lambda visit: visit.job is job)

    def _end(self, job: Job, lane: Lane | None) -> None:
        if lane is not None or job.active:
            self._block(job, "the end was reached inside a fork")
            return
        job.over = True
        self.tally.task_times.append(self.now - job.arrived)
        self.tally.run_times.append(self.now - job.started)
        self.tally.last_end = self.now
