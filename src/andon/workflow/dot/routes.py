"""A pipeline's edges as a workflow's: which one is taken for each way in which a node can end.

Theory of operation. A runner takes, of a node's edges, those whose condition holds (greatest weight first, then by the
target's name), else the one whose label the agent preferred, else the unconditional one of greatest weight; a failed
node without an edge for that goes to its retry target, or ends the pipeline. Here the same selection is made
beforehand, once for each `Case`, so weights are carried over by the edges that they choose. A conditional node
becomes a choice, to which its predecessors lead with every outcome that it asks for.
Must not know: YAML, forks.
"""

from __future__ import annotations

from andon.workflow.dot import conditions as c
from andon.workflow.dot import dialect as d
from andon.workflow.dot.draft import CHANGED, END, Draft, Step, Way
from andon.workflow.dot.graph import Edge, Graph
from andon.workflow.dot.names import normal_label, outcome
from andon.workflow.dot.nodes import keep, retry_target
from andon.workflow.problems import shown

UNKNOWN = c.Case(name=c.OTHER, status=c.OTHER)


class Arrow:
    """An edge with its parts read. expr: None without a condition, or with one that can't be evaluated (then `word`)."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self.at = edge.at
        self.label = d.label(edge.attrs)
        self.weight = d.whole(d.value(edge.attrs, "weight")) or 0
        self.condition = d.value(edge.attrs, "condition").strip()
        self.expr: c.Expr | None = None
        self.word = ""

    @property
    def construct(self) -> str:
        return f"edge {self.edge.source} -> {self.edge.target}"

    def holds(self, case: c.Case) -> bool:
        """Whether its condition is true in a case."""
        if self.word:
            return case.name == self.word
        return self.expr is not None and c.true(self.expr, case)


def best(arrows: list[Arrow]) -> Arrow | None:
    """Greatest weight, then the target's name; of equals the first."""
    return min(arrows, key=lambda x: (-x.weight, x.edge.target), default=None)


class Routes:
    """Makes the draft's ways. steps: node id -> step; kinds: node id -> what it is in the pipeline."""

    def __init__(self, graph: Graph, draft: Draft, steps: dict[str, Step]) -> None:
        self.graph = graph
        self.draft = draft
        self.steps = steps
        self.kinds = {name: d.kind(node)[0] for name, node in graph.nodes.items()}
        self.out: dict[str, list[Arrow]] = {name: [] for name in graph.nodes}
        for edge in graph.edges:
            self.out[edge.source].append(self._arrow(edge))
        self.told: dict[str, list[c.Case]] = {}

    def _arrow(self, edge: Edge) -> Arrow:
        arrow = Arrow(edge)
        for key, attr in edge.attrs.items():
            if key not in d.EDGE_WORDS and keep(self.draft, f"{arrow.construct}: {key}", attr):
                kept = self.draft.metadata.setdefault("dot", {}).setdefault("edges", [])
                kept.append(f"{edge.source} -> {edge.target}: {key}={attr.value}")
        if "weight" in edge.attrs and d.whole(edge.attrs["weight"].value) is None:
            attr = edge.attrs["weight"]
            self.draft.lost(attr.value_at, f"{arrow.construct}: weight", "it is no whole number", "taken for 0")
        if d.is_true(edge.attrs, "loop_restart"):
            text = "a loop goes on in the same run, whose limits bound it"
            self.draft.changed(
                edge.attrs["loop_restart"].at, f"{arrow.construct}: loop_restart", text, "an edge like others"
            )
        if edge.port is not None:
            self.draft.find("drawing", edge.port, f"{arrow.construct}: port", "it is about drawing only")
        if arrow.condition:
            self._condition(arrow)
        return arrow

    def _condition(self, arrow: Arrow) -> None:
        attr = arrow.edge.attrs["condition"]
        construct = f"{arrow.construct}: condition {arrow.condition}"
        command = self.kinds[arrow.edge.source] == d.TOOL
        instead = "whoever does the step before chooses that way"
        try:
            arrow.expr = c.parse(arrow.condition)
        except c.Unreadable as error:
            arrow.word = outcome(arrow.label or f"to {arrow.edge.target}")
            text = f"the condition can't be carried over: {error}"
            instead = "the edge is left out" if command else f"{instead}, with --outcome {arrow.word}"
            self.draft.lost(attr.value_at, construct, text, instead)
            return
        if asked := c.facts(arrow.expr):
            names = ", ".join(dict.fromkeys(x.name for x in c.cases(arrow.expr) if x.fact))
            text = f"it asks for {', '.join(dict.fromkeys(asked))}, and a run has no context that agents write into"
            instead = f"{instead}, with --outcome {names}"
            if command:
                taken = arrow.holds(c.PASSED) or arrow.holds(c.FAILED)
                instead = "it is taken whatever the context says" if taken else "the edge is left out"
            self.draft.lost(attr.value_at, construct, text, instead)

    # ------------------------------------------------------------ all edges

    def make(self) -> None:
        """Ways for every node. The start and the exits are resolved away."""
        for name in self.graph.nodes:
            kind = self.kinds[name]
            if kind == d.EXIT:
                for arrow in self.out[name]:
                    self.draft.lost(arrow.at, arrow.construct, "nothing comes after the exit", "it is left out")
            elif kind == d.FORK:
                self._fork(name)
            elif kind == d.CHOICE:
                self._choice(name)
            elif kind == d.JOIN:
                self._join(name)
            elif kind != d.START:
                self._step(name)
        self.draft.start = self._start()
        for arrows in self.out.values():
            self.draft.carried += len(arrows)

    def _start(self) -> str:
        found = next(name for name, kind in self.kinds.items() if kind == d.START)
        taken = self._select(self.out[found], c.PASSED)
        for arrow in self.out[found]:
            if arrow is not taken:
                self._never(arrow, taken)
        return self._target(taken.edge.target) if taken is not None else ""

    def _target(self, node: str, depth: int = 0) -> str:
        """The draft's id of where an edge leads; an edge to the start leads to what comes after it."""
        if self.kinds[node] == d.EXIT:
            return END
        if self.kinds[node] == d.START:
            taken = self._select(self.out[node], c.PASSED)
            return self._target(taken.edge.target, depth + 1) if taken is not None and depth < 2 else END
        return self.steps[node].id

    def _way(self, source: str, arrow: Arrow, label: str = "") -> None:
        self.draft.ways.append(
            Way(source=self.steps[source].id, target=self._target(arrow.edge.target), label=label, at=arrow.at)
        )

    def _never(self, arrow: Arrow, taken: Arrow | None) -> None:
        other = f"{arrow.edge.source} -> {taken.edge.target} is, by weight or name" if taken else "no edge can be"
        self.draft.find(CHANGED, arrow.at, arrow.construct, f"this edge is never taken: {other}", "it is left out")

    # ------------------------------------------------------------ selection

    def _select(self, arrows: list[Arrow], case: c.Case) -> Arrow | None:
        """The edge that a runner takes for a case; None when it would end there."""
        if holding := [arrow for arrow in arrows if arrow.holds(case)]:
            return best(holding)
        free = [arrow for arrow in arrows if not arrow.condition]
        if case.label:
            for arrow in free:
                if case.label in (normal_label(arrow.label), arrow.edge.target.lower()):
                    return arrow
        if case.status == c.FAIL:
            return None
        return best(free) or (best(arrows) if case.name == "passed" else None)

    def _with_choices_behind(self, name: str) -> list[str]:
        """The node, and every choice that it reaches through choices alone."""
        found = [name]
        for here in found:
            for arrow in self.out[here]:
                behind = arrow.edge.target
                if self.kinds[behind] == d.CHOICE and behind not in found:
                    found.append(behind)
        return found

    def _own_cases(self, name: str) -> list[c.Case]:
        """The cases, besides passed and failed, that the node's own edges tell apart."""
        if name in self.told:
            return self.told[name]
        found: list[c.Case] = []
        default = best([arrow for arrow in self.out[name] if not arrow.condition])
        for arrow in self.out[name]:
            if arrow.expr is not None:
                found += c.cases(arrow.expr)
            elif arrow.word:
                found.append(c.Case(name=arrow.word))
            elif arrow is not default:
                wanted = arrow.label or arrow.edge.target
                found.append(c.Case(name=outcome(wanted), label=normal_label(wanted)))
        self.told[name] = found
        return found

    def _cases(self, name: str) -> list[c.Case]:
        """The cases that the node's edges and those of choices right behind it tell apart; the first of a name counts."""
        found: dict[str, c.Case] = {}
        for here in self._with_choices_behind(name):
            for case in self._own_cases(here):
                found.setdefault(case.name, case)
        return list(found.values())

    def _asks_for_failure(self, name: str) -> bool:
        """Whether a choice, or one right behind it, tells failure from success."""
        arrows = [arrow for here in self._with_choices_behind(name) for arrow in self.out[here]]
        return any(x.expr is not None and any(c.is_status(y) for y in c.clauses(x.expr)) for x in arrows)

    # ------------------------------------------------------------ nodes that work

    def _step(self, name: str) -> None:
        if self.kinds[name] == d.HUMAN:
            from andon.workflow.dot.people import human

            human(self, name)
            return
        step = self.steps[name]
        arrows = self.out[name]
        passed = self._select(arrows, c.PASSED)
        used: list[Arrow] = []
        if passed is None:
            self._ends_here(name)
        else:
            self._way(name, passed)
            used.append(passed)
            if passed.condition and not passed.holds(c.PASSED):
                text = "no edge is for success; a runner falls back to this one"
                self.draft.changed(passed.at, passed.construct, text, "it is taken after passing, too")
        self._failure(name, passed, used)
        for case in self._cases(name):
            taken = self._select(arrows, case)
            if step.kind == "command":
                continue
            if taken is None and case.status == c.FAIL:
                taken = self._to_a_choice(passed)
            through = taken is not None and self.kinds[taken.edge.target] == d.CHOICE
            if taken is None or (taken is passed and not through):
                continue
            self._way(name, taken, case.name)
            used.append(taken)
        for arrow in arrows:
            if arrow not in used:
                self._unused(name, arrow, passed)

    def _unused(self, name: str, arrow: Arrow, passed: Arrow | None) -> None:
        told = arrow.word or (arrow.expr is not None and c.facts(arrow.expr))
        if self.steps[name].kind == "command" and told:
            return
        if self.steps[name].kind == "command" and arrow.condition:
            text = "a command ends passed or failed, and nothing else is known of it"
            self.draft.lost(arrow.at, arrow.construct, text, "it is left out")
        else:
            self._never(arrow, passed)

    def _failure(self, name: str, passed: Arrow | None, used: list[Arrow]) -> None:
        taken = self._select(self.out[name], c.FAILED) or self._to_a_choice(passed)
        if taken is not None:
            self._way(name, taken, "failed")
            used.append(taken)
            return
        node = self.graph.nodes[name]
        target = retry_target(node, self.graph)
        if target is not None and self.kinds[target.value] != d.EXIT:
            way = Way(source=self.steps[name].id, target=self._target(target.value), label="failed", at=target.at)
            self.draft.ways.append(way)
            self.draft.carried += 1

    def _to_a_choice(self, passed: Arrow | None) -> Arrow | None:
        """The edge for success, if it leads to a choice that asks for the outcome: then it is taken with any."""
        if passed is None or passed.condition or self.kinds[passed.edge.target] != d.CHOICE:
            return None
        return passed if self._asks_for_failure(passed.edge.target) else None

    def _ends_here(self, name: str) -> None:
        node = self.graph.nodes[name]
        text = "no edge leads on from here, so a runner ends the pipeline"
        self.draft.changed(node.at, f"node {name}", text, "it leads to the end, where the `done` gates hold")
        self.draft.ways.append(Way(source=self.steps[name].id, target=END, at=node.at))

    # ------------------------------------------------------------ nodes that route

    def _fork(self, name: str) -> None:
        if not self.out[name]:
            self._ends_here(name)
        seen: set[str] = set()
        for arrow in self.out[name]:
            if arrow.condition:
                at = arrow.edge.attrs["condition"].at
                self.draft.lost(at, arrow.construct, "every branch of a fork is entered", "its condition is left out")
            if arrow.edge.target in seen:
                self.draft.changed(arrow.at, arrow.construct, "a branch is entered once", "it is left out")
                continue
            seen.add(arrow.edge.target)
            self._way(name, arrow)

    def _join(self, name: str) -> None:
        taken = self._select(self.out[name], c.PASSED)
        if taken is None:
            self._ends_here(name)
        else:
            self._way(name, taken)
        for arrow in self.out[name]:
            if arrow is not taken and arrow.condition:
                text = "a join is left one way, when all branches have arrived"
                self.draft.lost(arrow.at, arrow.construct, text, "it is left out")
            elif arrow is not taken:
                self._never(arrow, taken)

    def _choice(self, name: str) -> None:
        """Conditions in the order in which a runner would prefer them; the default comes last."""
        arrows = self.out[name]
        if not arrows:
            self._ends_here(name)
            return
        default = best([arrow for arrow in arrows if not arrow.condition])
        universe = [c.PASSED, c.FAILED, *self._cases(name)]
        conditional = sorted(
            (x for x in arrows if x.condition), key=lambda x: (-x.weight, x.edge.target, arrows.index(x))
        )
        labelled = [x for x in arrows if not x.condition and x is not default]
        said: set[str] = set()
        open_cases = [*universe, UNKNOWN]
        for arrow in (*conditional, *labelled):
            condition = self._as_condition(arrow, universe)
            if condition in ("false", *said) or not open_cases:
                self._never(arrow, default)
                continue
            said.add(condition)
            if default is None and all(arrow.holds(case) for case in open_cases):
                # Whatever comes here at last goes this way.
                default = arrow
                open_cases = []
                continue
            open_cases = [case for case in open_cases if not arrow.holds(case)]
            self._way(name, arrow, condition)
        if default is not None:
            self._way(name, default)
        if not self._predecessor_chooses(name):
            self._ask_nobody(name, universe)

    def _as_condition(self, arrow: Arrow, universe: list[c.Case]) -> str:
        everything = list(dict.fromkeys(case.name for case in universe))
        if arrow.condition:
            # An outcome invented for a condition that can't be carried over leads where that edge leads, and nowhere else.
            invented = {x.word for x in self.out[arrow.edge.source] if x.word and x is not arrow}
            names = [case.name for case in universe if arrow.holds(case) and case.name not in invented]
            other = arrow.holds(UNKNOWN)
        else:
            wanted = normal_label(arrow.label or arrow.edge.target)
            names = [case.name for case in universe if case.label and case.label == wanted]
            other = False
        return c.as_cel(list(dict.fromkeys(names)), other, everything)

    def _predecessor_chooses(self, name: str) -> bool:
        """Whether somebody who can choose an outcome leads here."""
        seen: set[str] = set()
        todo = [name]
        while todo:
            here = todo.pop()
            for source, arrows in self.out.items():
                if source in seen or not any(arrow.edge.target == here for arrow in arrows):
                    continue
                if self.kinds[source] in (d.AGENT, d.HUMAN):
                    return True
                seen.add(source)
                if self.kinds[source] == d.CHOICE:
                    todo.append(source)
        return False

    def _ask_nobody(self, name: str, universe: list[c.Case]) -> None:
        names = [case.name for case in universe if case not in (c.PASSED, c.FAILED)]
        if names:
            text = f"nothing that leads here can end {', '.join(map(shown, names))}: commands pass or fail"
            self.draft.lost(self.graph.nodes[name].at, f"node {name}", text, "those ways out are never taken")
