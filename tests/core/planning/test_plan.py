"""Plans: what tasks hold, which strategy a shared place gets, and that nothing that is added closes a circle."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.core import globs
from andon.core.planning.history import History
from andon.core.planning.holds import Places, hold_of
from andon.core.planning.plan import Plan, Planned, Work, make_plan
from andon.core.planning.predict import Predicted
from andon.core.planning.tree import Tree

PATHS = ("core/a.py", "core/b.py", "core/deep/c.py", "docs/x.md", "docs/y.md", "hub.py")
TREE = Tree(PATHS)
NONE = History()


def plan(*works: Work, workers: int = 6) -> Plan:
    return make_plan(works, TREE, NONE, workers)


def work(name: str, text: str = "", *scope: str, after: tuple[str, ...] = ()) -> Work:
    return Work(id=name, title=name, text=text, scope=scope, depends_on=after)


def waves(made: Plan) -> dict[str, int]:
    return {item.id: item.wave for item in made.tasks}


def test_a_scope_is_held_as_it_is_written() -> None:
    found = hold_of(("core/a.py", "docs/", "core/deep", "*.py", "new.py"), (), TREE)
    assert set(found.files) == {"core/a.py", "hub.py"}
    assert set(found.directories) == {"docs", "core/deep", "new.py"}
    assert set(hold_of(("!docs/**",), (), TREE).files) == {"core/a.py", "core/b.py", "core/deep/c.py", "hub.py"}


def test_only_what_is_likely_is_held_without_a_scope() -> None:
    predicted = (Predicted(path="hub.py", score=0.9, reason=""), Predicted(path="core/a.py", score=0.2, reason=""))
    assert hold_of((), predicted, TREE).files == {"hub.py": 0.9}


SCOPES = st.lists(
    st.sampled_from(
        ("core/a.py", "core/", "core/**", "core/deep", "docs/*.md", "**/*.py", "hub.py", "docs/x.md", "**")
    ),
    min_size=1,
    max_size=2,
    unique=True,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(SCOPES, min_size=2, max_size=5))
def test_scopes_that_touch_a_same_file_are_never_in_one_wave(scopes: list[list[str]]) -> None:
    made = plan(*(work(f"T{number}", "", *scope) for number, scope in enumerate(scopes)))
    for one in range(len(scopes)):
        for other in range(one):
            both = [path for path in PATHS if globs.matches(path, scopes[one]) and globs.matches(path, scopes[other])]
            if both:
                assert made.tasks[one].wave != made.tasks[other].wave, (scopes[one], scopes[other], both)


def test_directories_above_are_held_with_others() -> None:
    holds = [hold_of(("core/",), (), TREE), hold_of(("core/a.py",), (), TREE), hold_of(("core/b.py",), (), TREE)]
    places = Places(holds)
    names = [[places.names[place] for place in held] for held in places.shared]
    assert names == [[], ["core/"], ["core/"]]
    made = plan(work("T1", "", "core/"), work("T2", "", "core/a.py"), work("T3", "", "core/b.py"))
    assert waves(made)["T2"] == waves(made)["T3"] != waves(made)["T1"]


def test_two_tasks_about_one_file_have_one_owner() -> None:
    made = plan(work("T1", "hub.py is slow"), work("T2", "hub.py is wrong"))
    assert [(x.path, x.strategy) for x in made.shared] == [("hub.py", "one owner")]
    assert made.waves == 2 and made.added == ()


def test_a_file_beside_others_is_put_into_sequence() -> None:
    made = plan(work("T1", "hub.py core/a.py core/b.py"), work("T2", "hub.py docs/x.md docs/y.md"))
    assert [(x.path, x.strategy) for x in made.shared] == [("hub.py", "sequence")]
    [edge] = made.added
    assert waves(made)[edge.after] < waves(made)[edge.task]


def test_a_contract_first_lets_the_rest_run_side_by_side() -> None:
    made = plan(*(work(f"T{n}", "hub.py") for n in range(1, 7)), workers=5)
    assert (made.waves, made.greedy, made.lower_bound) == (2, 6, 2)
    first = [item for item in made.tasks if item.wave == 1]
    assert len(first) == 1 and all(item.after == (first[0].id,) for item in made.tasks if item.wave == 2)


def test_the_contract_is_settled_by_a_task_that_nothing_of_the_rest_precedes() -> None:
    made = plan(*(work(f"T{n}", "hub.py", after=() if n == 5 else ("T5",)) for n in range(1, 7)))
    [shared] = made.shared
    assert shared.first is not None and made.tasks[shared.first].id == "T5"
    assert made.added == () and made.waves == 2


def test_declared_scopes_do_not_give_the_file_up() -> None:
    made = plan(*(work(f"T{n}", "", "hub.py", f"docs/{n}.md") for n in range(1, 7)))
    assert made.shared[0].strategy == "sequence" and made.waves == made.lower_bound == 6
    assert len(made.added) == 5, "a chain, not all pairs"


def test_what_is_under_way_is_said_and_is_in_no_plan() -> None:
    planned = [work("T1", "hub.py"), work("T2", "", "core/"), work("T3", "", "docs/x.md"), work("T4", "core/b.py")]
    running = [work("T8", "", "core/a.py"), work("T9", "hub.py is slow")]
    made = make_plan(planned, TREE, NONE, 6, under_way=running)
    assert {item.id: item.kept_off for item in made.tasks} == {
        "T1": (("T9", "hub.py"),),
        "T2": (("T8", "core/"),),
        "T3": (),
        "T4": (),
    }
    part = Work(id="T5", title="", text="hub.py", parent="T9")
    assert make_plan([part], TREE, NONE, 6, under_way=running).tasks[0].kept_off == ()
    assert waves(made) == waves(plan(*planned)) and all(not item.kept_off for item in plan(*planned).tasks)


def test_who_settles_a_contract_goes_on_doing_so_when_it_is_under_way() -> None:
    planned = [work(f"T{n}", "hub.py") for n in range(1, 7)]
    made = make_plan(planned, TREE, NONE, 6, under_way=[work("T9", "", "hub.py")])
    assert made.waves == 1 and {(x.task, x.after, x.path) for x in made.added} == {
        (x.id, "T9", "hub.py") for x in planned
    }
    assert all((x.released, x.after, x.kept_off) == (("hub.py",), ("T9",), ()) for x in made.tasks)
    parts = [*planned, Work(id="T7", title="", text="", parent="T9")]
    assert all(x.after != "T9" for x in make_plan(parts, TREE, NONE, 6, under_way=[work("T9", "", "hub.py")]).added), (
        "T9 waits for its part; nobody waits for T9"
    )


def test_a_dependency_on_what_is_under_way_stays_while_the_two_meet() -> None:
    before = Work(id="T1", title="", text="hub.py", planned_after=("T8", "T9"))
    made = make_plan([before], TREE, NONE, 6, under_way=[work("T8", "", "docs/x.md"), work("T9", "", "hub.py")])
    assert [(x.after, x.path, x.strategy) for x in made.added] == [("T9", "hub.py", "sequence")]


def test_nothing_and_one_task() -> None:
    assert plan().waves == 0 and plan().distance_percent == 0.0
    assert waves(plan(work("T1"))) == {"T1": 1}


@st.composite
def tasks(draw: st.DrawFn) -> list[Work]:
    count = draw(st.integers(1, 14))
    order = draw(st.permutations(range(count)))
    made = []
    for number in range(count):
        earlier = [f"T{other}" for other in range(count) if order[other] < order[number]]
        after = draw(st.lists(st.sampled_from(earlier), max_size=2, unique=True)) if earlier else []
        text = " ".join(draw(st.lists(st.sampled_from(PATHS), max_size=3)))
        scope = draw(st.one_of(st.just([]), st.just([]), SCOPES))
        made.append(work(f"T{number}", text, *scope, after=tuple(after)))
    return made


@settings(max_examples=250, deadline=None)
@given(tasks(), st.integers(1, 5))
def test_any_plan_keeps_its_promises(works: list[Work], workers: int) -> None:
    made = make_plan(works, TREE, NONE, workers)
    by_id: dict[str, Planned] = {item.id: item for item in made.tasks}
    sizes: dict[int, int] = {}
    for given_work, item in zip(works, made.tasks, strict=True):
        sizes[item.wave] = sizes.get(item.wave, 0) + 1
        # Whatever a task waits for, by itself or by the plan, stands in an earlier wave: so there is no circle.
        assert all(by_id[name].wave < item.wave for name in (*given_work.depends_on, *item.after))
        assert set(item.after).isdisjoint(given_work.depends_on)
    assert max(sizes.values()) <= workers and len(sizes) == made.waves
    assert made.lower_bound <= made.waves <= min(made.greedy, made.one_at_a_time)
    again = make_plan(works, TREE, NONE, workers)
    assert msgspec.json.encode(made) == msgspec.json.encode(again)
