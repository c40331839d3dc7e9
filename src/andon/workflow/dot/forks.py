"""Parallel nodes and fan-ins as forks and joins that are well formed: each fork has one join, and its branches are apart.

Rules: a fork's join is the nearest fan-in that all its branches reach, else the nearest step that they share, before
which a join is put; what leads out of a branch or into one is cut or led to the fork, and said. Whatever can't be
made whole is left to lint, which refuses it. Must not know: where the draft comes from.
"""

from __future__ import annotations

from andon.workflow.dot.draft import END, Draft, Step, Way


def well_formed(draft: Draft, ending: str) -> None:
    """Match forks and joins. ending: the step (or END) where the pipeline ends."""
    for step in list(draft.steps.values()):
        if step.kind == "join" and step.brief:
            _judge_after(draft, step)
    for fork in reversed(_in_order(draft)):
        _Fork(draft, fork, ending).match()
    _unmatched_joins(draft)


def _judge_after(draft: Draft, step: Step) -> None:
    """A fan-in with a prompt: a join, and behind it an agent who does what the prompt says."""
    join = draft.step("join", f"{step.id}_join", step.at, source=step.source, phase=step.phase)
    for way in draft.into(step.id):
        way.target = join.id
    step.kind = "agent"
    step.options = {"kind": "agent"} if step.id in ("land", "publish") else {}
    step.options["empty"] = "allow"
    draft.ways.append(Way(source=join.id, target=step.id, at=step.at))


def _in_order(draft: Draft) -> list[str]:
    """Forks in the order in which a walk from the start meets them."""
    found: list[str] = []
    after = draft.targets()
    seen = {draft.start}
    todo = [draft.start]
    while todo:
        here = todo.pop(0)
        if here in draft.steps and draft.steps[here].kind == "fork":
            found.append(here)
        for target in after.get(here, ()):
            if target not in seen:
                seen.add(target)
                todo.append(target)
    return found


class _Fork:
    def __init__(self, draft: Draft, fork: str, ending: str) -> None:
        self.draft = draft
        self.fork = fork
        self.at = draft.steps[fork].at
        self.endings = {ending, END}
        self.ending = ending
        self.heads = list(dict.fromkeys(way.target for way in draft.out(fork)))

    def _say(self, way: Way, reason: str, instead: str) -> None:
        ends = [self.draft.steps[name].source if name in self.draft.steps else "" for name in (way.source, way.target)]
        self.draft.lost(way.at, f"edge {ends[0] or way.source} -> {ends[1] or 'the exit'}", reason, instead)

    def match(self) -> None:
        if len(self.heads) < 2:
            self._pass_through()
            return
        join = self._join()
        if join is None:
            text = "its branches never come together"
            self.draft.lost(self.at, f"node {self.fork}", text, "no workflow can be made of it as it is")
            return
        inside = self._inside(join)
        join = self._own_join(join, inside)
        self._cut(inside, join)
        self._lead_to_fork(inside, join)

    def _pass_through(self) -> None:
        """A fork with one branch is none."""
        if not self.heads:
            return
        self.draft.changed(self.at, f"node {self.fork}", "it has one branch only", "it is left out")
        _remove(self.draft, self.fork, self.heads[0])

    def _distances(self, head: str, *, passing: bool) -> dict[str, tuple[int, int]]:
        """step -> how far it is from the branch's first, and how many forks are open there.

        passing: only along edges that are taken when a step has passed. Ends of the pipeline are not looked behind.
        """
        after: dict[str, list[Way]] = {}
        for way in self.draft.ways:
            routes = way.source in self.draft.steps and self.draft.steps[way.source].kind == "choice"
            if routes or not passing or not way.label:
                after.setdefault(way.source, []).append(way)
        found = {head: (0, 0)}
        todo = [head]
        for here in todo:
            distance, depth = found[here]
            kind = self.draft.steps[here].kind if here in self.draft.steps else ""
            depth = max(depth + {"fork": 1, "join": -1}.get(kind, 0), 0)
            for way in after.get(here, ()) if here not in self.endings else ():
                if way.target not in found and way.target != self.fork:
                    found[way.target] = (distance + 1, depth)
                    todo.append(way.target)
        return found

    def _join(self) -> str | None:
        """Where all branches come together: their own fan-in if there is one, the pipeline's end at the latest.

        A fan-in is their own when no other fork is open where it is reached; another fork's may come later on the way.
        """
        for passing in (True, False):
            found = [self._distances(head, passing=passing) for head in self.heads]
            common = set(found[0]).intersection(*found[1:])
            if common:
                return min(common, key=lambda name: self._rank(name, [distances[name] for distances in found]))
        return None

    def _rank(self, name: str, reached: list[tuple[int, int]]) -> tuple[int, int, str]:
        step = self.draft.steps.get(name)
        own = step is not None and step.kind == "join" and not any(depth for _, depth in reached)
        return 0 if own else 2 if name in self.endings else 1, max(distance for distance, _ in reached), name

    def _inside(self, join: str) -> set[str]:
        """The steps of all branches: what only the fork leads to."""
        barrier = {self.fork, *self.heads}
        outside = self.draft.reached(self.draft.start, barrier) if self.draft.start not in barrier else set()
        outside |= self.draft.reached(join, barrier)
        inside: set[str] = set()
        for head in self.heads:
            if head != join and head not in self.endings:
                inside |= self.draft.reached(head, outside | {join, self.fork} | self.endings)
        return inside

    def _own_join(self, join: str, inside: set[str]) -> str:
        """The join itself, or a new one before the step where the branches meet, or where another fork's meet too."""
        step = self.draft.steps.get(join)
        others = [way for way in self.draft.into(join) if way.source not in inside and way.source != self.fork]
        if step is not None and step.kind == "join" and not others:
            return join
        made = self.draft.step("join", f"{self.fork}_join", self.at, source=self.draft.steps[self.fork].source)
        made.phase = self.draft.steps[self.fork].phase
        for way in self.draft.into(join):
            if way.source in inside or way.source == self.fork:
                way.target = made.id
        self.draft.ways.append(Way(source=made.id, target=join, at=self.at))
        if step is None or step.kind != "join":
            self.draft.add(f"the join `{made.id}`, where the branches of `{self.fork}` come together")
        return made.id

    def _cut(self, inside: set[str], join: str) -> None:
        """Edges that leave a branch for anywhere but the join. A branch can't be left half-way."""
        for way in list(self.draft.ways):
            if way.source not in inside or way.target in inside or way.target == join:
                continue
            source = self.draft.steps[way.source]
            reason = f"it leaves a branch of `{self.fork}` without the others"
            rest = [x for x in self.draft.out(way.source) if x is not way]
            if not way.label and (source.kind != "choice" or not rest):
                self._say(way, reason, f"it leads to `{join}`")
                way.target = join
            else:
                self._say(way, reason, "the run stops there for a person")
                self.draft.ways.remove(way)

    def _lead_to_fork(self, inside: set[str], join: str) -> None:
        """Edges from elsewhere into the middle of a branch, or to its join."""
        after = next((way.target for way in self.draft.out(join)), END)
        for way in self.draft.ways:
            if way.source in inside or way.source in (self.fork, join):
                continue
            if way.target in inside:
                text = f"it leads into a branch of `{self.fork}` from outside"
                self._say(way, text, f"it leads to `{self.fork}`, so all branches are entered again")
                way.target = self.fork
            elif way.target == join:
                text = f"it leads to the join of `{self.fork}` from outside"
                self._say(way, text, f"it leads to `{after}`, behind the join")
                way.target = after
        if self.draft.start in inside:
            self.draft.start = self.fork


def _remove(draft: Draft, step: str, target: str) -> None:
    """Take a pseudo-state out; what led to it leads to its target."""
    draft.ways = [way for way in draft.ways if way.source != step]
    for way in draft.into(step):
        way.target = target
    if draft.start == step:
        draft.start = target
    del draft.steps[step]


def _unmatched_joins(draft: Draft) -> None:
    """A fan-in that no fork's branches reach, or that one edge reaches, joins nothing."""
    forks = [step.id for step in draft.steps.values() if step.kind == "fork"]
    for step in list(draft.steps.values()):
        if step.kind != "join":
            continue
        before = draft.into(step.id)
        ways = draft.out(step.id)
        if len({way.source for way in before}) >= 2 and any(step.id in draft.reached(fork) for fork in forks):
            continue
        if ways and ways[0].target != step.id:
            draft.changed(step.at, f"node {step.source or step.id}", "no branches come together here", "it is left out")
            _remove(draft, step.id, ways[0].target)
