"""From a diagram with phases to a flat graph of nodes and edges.

Theory of operation. A state belongs to the phase in whose body it is mentioned (a mention outside all phases places it
nowhere, as in Mermaid's own drawing); mentions in two phases are refused. An edge into a phase goes to what the
phase's `[*] -->` points at; `--> [*]` inside a phase goes where the phase's unlabelled edge goes, outward through any
depth. A labelled edge of a phase holds for every step inside that can end so and has no edge of its own for that
outcome; the inner phase wins. Must not know: YAML, gates, roles.
"""

from __future__ import annotations

from msgspec import Struct

from andon.core import workflow as w
from andon.workflow.diagram import TERMINAL, Declaration, Diagram, Note, Phase, Ref, Statement, Styling, Transition
from andon.workflow.fields import NAME
from andon.workflow.problems import At, Collector, did_you_mean, listed, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = ""
ELSE = "else"


class FlatEdge(Struct, frozen=True, kw_only=True):
    """An edge between nodes (or END). at: its statement. label_at: its label. inherited: given by a phase."""

    edge: w.Edge
    at: At
    label_at: At
    inherited: bool = False


class Flat(Struct, frozen=True, kw_only=True):
    """A flat graph. start: None when the diagram has none. steps: id -> phases from the outermost inwards."""

    start: str | None
    steps: dict[str, tuple[str, ...]]
    pseudo: dict[str, str]
    phases: dict[str, str]
    titles: dict[str, str]
    edges: tuple[FlatEdge, ...]
    places: dict[str, At]


class _Scope:
    """A phase, or the diagram itself (`id` ROOT). starts: its `[*] --> x`. exits: the phase's own edges."""

    def __init__(self, name: str, parent: str | None, at: At) -> None:
        self.id = name
        self.parent = parent
        self.at = at
        self.starts: list[Transition] = []
        self.exits: list[tuple[Transition, str]] = []


class Flattener:
    """Collects a diagram's states first (`states`), and then, knowing what each step can produce, its edges."""

    def __init__(self, diagram: Diagram, problems: Collector) -> None:
        self.problems = problems
        self.scopes: dict[str, _Scope] = {ROOT: _Scope(ROOT, None, diagram.at)}
        self.statements: list[tuple[Statement, str]] = []
        self.home: dict[str, str] = {}
        self.places: dict[str, At] = {}
        self.pseudo: dict[str, str] = {}
        self.titles: dict[str, str] = {}
        self._collect(diagram)
        self._place()

    # ------------------------------------------------------------ states

    def _collect(self, diagram: Diagram) -> None:
        todo: list[tuple[Statement, str]] = [(statement, ROOT) for statement in reversed(diagram.body)]
        while todo:
            statement, scope = todo.pop()
            self.statements.append((statement, scope))
            if not isinstance(statement, Phase):
                continue
            name = statement.ref.id
            if name in self.scopes:
                line = self.scopes[name].at[0]
                text = f"phase `{name}` is opened a second time; the first is on line {line}"
                self.problems.add("duplicate-state", statement.ref.at, text, "merge them")
            else:
                self.scopes[name] = _Scope(name, scope, statement.ref.at)
            todo.extend((inner, name) for inner in reversed(statement.body))

    def _mentions(self) -> Iterator[tuple[Ref, str]]:
        for statement, scope in self.statements:
            if isinstance(statement, Transition):
                yield statement.source, scope
                yield statement.target, scope
            elif isinstance(statement, Declaration | Note | Phase):
                yield statement.ref, scope

    def _place(self) -> None:
        """Find each state's phase, and refuse what Mermaid would draw in another place than Andon takes it for."""
        for ref, scope in self._mentions():
            if ref.id == TERMINAL:
                continue
            self.places.setdefault(ref.id, ref.at)
            known = self.home.setdefault(ref.id, scope)
            if ref.id in self.scopes:
                self._check_phase_mention(ref, scope)
            elif known == ROOT:
                self.home[ref.id] = scope
            elif scope not in (known, ROOT):
                text = f"`{ref.id}` belongs to phase `{known}` and may not be used inside phase `{scope}`"
                advice = f"point the edge at phase `{known}`, or draw it outside all phases"
                self.problems.add("ambiguous-phase", ref.at, text, advice)
        for statement, _ in self.statements:
            if isinstance(statement, Declaration):
                self._declare(statement)
            elif isinstance(statement, Phase) and statement.title is not None:
                self._title(statement.ref, statement.title)
            elif isinstance(statement, Styling):
                self._check_styling(statement)
        self._check_collisions()

    def _check_phase_mention(self, ref: Ref, scope: str) -> None:
        home = self.scopes[ref.id].parent or ROOT
        self.home[ref.id] = home
        if scope in (home, ROOT):
            return
        where = "inside itself" if scope == ref.id else f"inside phase `{scope}`"
        outer = f"in phase `{home}`" if home else "outside all phases"
        text = f"phase `{ref.id}` stands {outer} and may not be used {where}"
        self.problems.add("ambiguous-phase", ref.at, text, f"draw the edge {outer}")

    def _declare(self, declaration: Declaration) -> None:
        name = declaration.ref.id
        if declaration.kind:
            before = self.pseudo.setdefault(name, declaration.kind)
            if name in self.scopes:
                text = f"`{name}` is a phase and can't be a {declaration.kind} too"
                self.problems.add("duplicate-state", declaration.ref.at, text)
                self.pseudo.pop(name)
            elif before != declaration.kind:
                text = f"`{name}` is a {before} already and can't be a {declaration.kind} too"
                self.problems.add("duplicate-state", declaration.ref.at, text)
        elif declaration.title is not None:
            self._title(declaration.ref, declaration.title)

    def _title(self, ref: Ref, title: str) -> None:
        """The first title counts; for a phase Mermaid draws no second one."""
        if ref.id in self.titles and ref.id in self.scopes:
            text = f"phase `{ref.id}` has a title already"
            self.problems.add("duplicate-state", ref.at, text, "keep one: Mermaid draws no second title of a phase")
        self.titles.setdefault(ref.id, title)

    def _check_styling(self, styling: Styling) -> None:
        for ref in styling.names:
            if ref.id not in self.home:
                advice = did_you_mean(ref.id, self.home)
                self.problems.add("unknown-step", ref.at, f"no state `{shown(ref.id)}` is in the diagram", advice)

    def _check_collisions(self) -> None:
        """Mermaid calls the start and the end of a phase `PHASE_start` and `PHASE_end`."""
        for name in self.home:
            phase, _, ending = name.rpartition("_")
            if ending in ("start", "end") and phase in self.scopes and phase != ROOT:
                text = f"`{name}` is what Mermaid calls the {ending} of phase `{phase}`"
                self.problems.add("reserved-word", self.places[name], text, "choose another id")

    def steps(self) -> dict[str, tuple[str, ...]]:
        """Every step with its phases, from the outermost inwards, in file order."""
        return {
            name: self._path(self.home[name])
            for name in self.home
            if name not in self.scopes and name not in self.pseudo
        }

    def _path(self, scope: str) -> tuple[str, ...]:
        names: list[str] = []
        while scope != ROOT:
            names.append(scope)
            scope = self.scopes[scope].parent or ROOT
        return tuple(reversed(names))

    # ------------------------------------------------------------ edges

    def flat(self, produces: Callable[[str, str], bool]) -> Flat:
        """The flat graph. produces(step, outcome): whether a step of that kind can end so."""
        steps = self.steps()
        transitions = [(x, scope) for x, scope in self.statements if isinstance(x, Transition)]
        for transition, scope in transitions:
            if transition.source.id == TERMINAL:
                self.scopes[scope].starts.append(transition)
            elif transition.source.id in self.scopes:
                self.scopes[transition.source.id].exits.append((transition, scope))
        self._check_starts()
        self._check_exits()
        edges: list[FlatEdge] = []
        for transition, scope in transitions:
            if transition.source.id not in self.scopes and transition.source.id != TERMINAL:
                edges.extend(self._edge(transition, scope, transition.source.id, inherited=False))
        edges.extend(self._inherited(steps, edges, produces))
        entry = self._entry(ROOT, self.scopes[ROOT].at)
        return Flat(
            start=entry,
            steps=steps,
            pseudo={name: kind for name, kind in self.pseudo.items() if name in self.home},
            phases={name: self.titles.get(name, name) for name in self.scopes if name != ROOT},
            titles=self.titles,
            edges=tuple(edges),
            places=self.places,
        )

    def _check_starts(self) -> None:
        for scope in self.scopes.values():
            where = f"phase `{scope.id}`" if scope.id else "the diagram"
            for extra in scope.starts[1:]:
                first = scope.starts[0].at[0]
                text = f"{where} has a second start; the first is on line {first}"
                self.problems.add("second-start", extra.at, text, "use a <<fork>> or a <<choice>> behind one start")
            for start in scope.starts:
                if start.label is not None:
                    text = f"the start of {where} can't have a label: nothing has happened yet"
                    self.problems.add("bad-label", start.label_at, text, "leave the label out")
                if start.target.id == TERMINAL:
                    self.problems.add("bad-edge", start.at, f"{where} would end where it starts")
            if not scope.starts:
                rule = "phase-without-start" if scope.id else "no-start"
                self.problems.add(rule, scope.at, f"{where} has no start", "add: [*] --> first_step")

    def _check_exits(self) -> None:
        """One edge of a phase for each outcome."""
        for scope in self.scopes.values():
            seen: dict[str, Transition] = {}
            kept: list[tuple[Transition, str]] = []
            for transition, where in scope.exits:
                outcome = self._outcome(transition)
                if outcome is None:
                    continue
                if outcome in seen:
                    line = seen[outcome].at[0]
                    text = f"phase `{scope.id}` has an edge for `{outcome}` already, on line {line}"
                    self.problems.add("edge-never-fires", transition.at, text, "keep one")
                else:
                    seen[outcome] = transition
                    kept.append((transition, where))
            scope.exits = kept

    def _outcome(self, transition: Transition) -> str | None:
        """The outcome that a label names; None (and a problem) when it names none."""
        if transition.label is None:
            return w.PASSED
        if NAME.match(transition.label):
            return transition.label
        text = f"`{shown(transition.label)}` is no outcome: it must be one word of letters, digits, _ and -"
        advice = "conditions stand only on edges out of a <<choice>>"
        self.problems.add("bad-label", transition.label_at, text, advice)
        return None

    def _edge(self, transition: Transition, scope: str, source: str, *, inherited: bool) -> list[FlatEdge]:
        condition: str | None = None
        outcome = w.PASSED
        kind = self.pseudo.get(source, "")
        if kind == "choice":
            condition = None if transition.label in (None, ELSE) else transition.label
        elif kind:
            if transition.label is not None:
                text = f"an edge out of the {kind} `{source}` can't have a label"
                self.problems.add("bad-label", transition.label_at, text, "leave the label out")
        else:
            named = self._outcome(transition)
            if named is None:
                return []
            outcome = named
        target = self._target(transition.target, scope)
        if target is None:
            return []
        edge = w.Edge(source=source, target=target, outcome=outcome, condition=condition)
        return [FlatEdge(edge=edge, at=transition.at, label_at=transition.label_at, inherited=inherited)]

    def _inherited(
        self, steps: dict[str, tuple[str, ...]], edges: list[FlatEdge], produces: Callable[[str, str], bool]
    ) -> list[FlatEdge]:
        has = {(flat.edge.source, flat.edge.outcome) for flat in edges}
        added: list[FlatEdge] = []
        inner_first = sorted(self.scopes, key=lambda name: -len(self._path(name)))
        for name in inner_first:
            for transition, scope in self.scopes[name].exits:
                outcome = self._outcome(transition)
                if outcome is None or outcome == w.PASSED:
                    continue
                inside = [step for step, path in steps.items() if name in path]
                takers = [step for step in inside if (step, outcome) not in has and produces(step, outcome)]
                if not takers:
                    text = f"no step inside phase `{name}` ends `{outcome}` without an edge of its own"
                    self.problems.add("edge-never-fires", transition.at, text, f"steps inside: {listed(inside)}")
                for step in takers:
                    has.add((step, outcome))
                    added.extend(self._edge(transition, scope, step, inherited=True))
        return added

    # ------------------------------------------------------------ where edges lead

    def _target(self, ref: Ref, scope: str) -> str | None:
        if ref.id == TERMINAL:
            return self._exit(scope, ref.at)
        if ref.id in self.scopes:
            return self._entry(ref.id, ref.at)
        return ref.id

    def _entry(self, scope: str, at: At) -> str | None:
        """The node that an edge into a phase enters."""
        for _ in range(len(self.scopes) + 1):
            starts = self.scopes[scope].starts
            if not starts or starts[0].target.id == TERMINAL:
                return None
            target = starts[0].target.id
            if target not in self.scopes:
                return target
            scope = target
        self.problems.add("bad-edge", at, "the starts of these phases point at each other")
        return None

    def _exit(self, scope: str, at: At) -> str | None:
        """The node (or END) that comes after a phase that has passed."""
        for _ in range(len(self.scopes) + 1):
            if scope == ROOT:
                return w.END
            way = next((x for x in self.scopes[scope].exits if self._passes(x[0])), None)
            if way is None:
                text = f"phase `{scope}` is left here, but it has no unlabelled edge to go on"
                self.problems.add("dead-end", at, text, f"add: {scope} --> next_step")
                return None
            transition, scope = way
            if transition.target.id != TERMINAL:
                return self._target(transition.target, scope)
        self.problems.add("bad-edge", at, "the ends of these phases point at each other")
        return None

    def _passes(self, transition: Transition) -> bool:
        return transition.label is None or transition.label == w.PASSED
