"""How well `andon plan` predicts the files of real commits, from their messages and what was known before them alone.

    python -m benchmarks.planning [--fit | --fit-names | --without-names] HISTORY …

A history is a repository, a change log, a change log with dated archives of its project (LOG=DIRECTORY, and what of them
is meant: LOG=DIRECTORY:within/), or a directory with archives of releases one after the other.

For a sample of commits, evenly spread over the history behind its first part: the tree is the files that were seen before
(what is new in the commit can't be predicted, and is counted apart), the history is the commits before, the text is the
message; what files define is read from the tree before the commit where there is one. The commit's own files are then
compared with what is predicted. Beside it stand two baselines: the files that changed most, and names alone (what the
message names, and paths with its words). `--fit` fits the weights of `core/planning/predict.py` to the first two histories;
`--fit-names` only that of what files define, to the first one, and leaves the others as they are; `--without-names` leaves
out what files define.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Collection
from pathlib import Path

from andon.core.planning.definitions import Definitions
from andon.core.planning.history import MAX_FILES_TOGETHER, Commit, History
from andon.core.planning.holds import HOLD
from andon.core.planning.predict import (
    BEST_NAMES,
    BEST_PATH,
    BIAS,
    CUT,
    FEATURES,
    MAX_PREDICTED,
    WEIGHTS,
    Evidence,
    gather,
)
from andon.core.planning.tree import Tree
from benchmarks.planning_contents import Contents, of_archives, of_parents, of_releases
from benchmarks.planning_corpus import of_change_log, of_repository

SAMPLE = 400
SKIPPED_SHARE = 0.15
MIN_SKIPPED = 30
FIRST = (5, 10)


class Case:
    """One commit to predict. actual: its files that were in the tree; new: how many were not."""

    def __init__(
        self, commit: Commit, seen: Collection[str], history: History, definitions: Definitions | None = None
    ) -> None:
        self.actual = {path for path in commit.files if path in seen}
        self.new = len(commit.files) - len(self.actual)
        self.most_changed = history.most_changed(max(FIRST))
        self.evidence: Evidence = gather(commit.message, Tree(seen), history, definitions=definitions)
        scored = [(self.evidence.score(path), path) for path in self.evidence.features]
        self.ranked = sorted(scored, key=lambda item: (-item[0], item[1]))
        rows, named = self.evidence.features, self.evidence.named
        names = [(named.get(path, 0.0) + rows[path][BEST_PATH], path) for path in rows]
        self.by_names = [path for value, path in sorted(names, key=lambda item: (-item[0], item[1])) if value > 0]

    def predicted(self, cut: float) -> set[str]:
        return {path for score, path in self.ranked[:MAX_PREDICTED] if score >= cut}


def cases(commits: list[Commit], contents: Contents | None = None, *, names: bool = True) -> list[Case]:
    """The sample, each with nothing but what was known before it. Where there are contents, commits without any are no
    part of the sample."""
    start = min(max(MIN_SKIPPED, int(len(commits) * SKIPPED_SHARE)), len(commits) // 2)
    wanted = [at for at in range(start, len(commits)) if len(commits[at].files) <= MAX_FILES_TOGETHER]
    if contents is not None:
        wanted = [at for at in wanted if commits[at].at > contents.start]
    sample = set(wanted[:: max(1, len(wanted) // SAMPLE)])
    history, seen, found = History(), set[str](), []
    for at, commit in enumerate(commits):
        if at in sample:
            before = contents.before(at) if contents is not None else None
            files, read = before if before is not None else (seen, {})
            case = Case(commit, files, history, Definitions(read) if names else None)
            if case.actual:
                found.append(case)
        history.add(commit)
        seen.update(commit.files)
    return found


def rates(pairs: list[tuple[set[str], set[str]]]) -> tuple[float, float, float]:
    """Recall and precision over all files of all commits, and how many files are predicted for a commit."""
    hits = sum(len(actual & found) for actual, found in pairs)
    wanted = sum(len(actual) for actual, _ in pairs)
    said = sum(len(found) for _, found in pairs)
    return hits / max(1, wanted), hits / max(1, said), said / max(1, len(pairs))


def _f1(recall: float, precision: float) -> float:
    return 2 * recall * precision / (recall + precision) if recall + precision else 0.0


def report(name: str, sample: list[Case]) -> list[str]:
    """The rows of the table for one history."""
    files = sum(len(case.actual) for case in sample)
    new = sum(case.new for case in sample)
    ways = {
        f"at the cut ({CUT:g})": [(case.actual, case.predicted(CUT)) for case in sample],
        f"held ({HOLD:g})": [(case.actual, case.predicted(HOLD)) for case in sample],
    }
    for count in FIRST:
        ways[f"first {count}"] = [(case.actual, {path for _, path in case.ranked[:count]}) for case in sample]
        ways[f"names only, first {count}"] = [(case.actual, set(case.by_names[:count])) for case in sample]
        ways[f"most changed, first {count}"] = [(case.actual, set(case.most_changed[:count])) for case in sample]
    lines = [f"{name}: {len(sample)} commits, {files} files to predict, {new} new ones left out"]
    for way, pairs in ways.items():
        recall, precision, size = rates(pairs)
        lines.append(
            f"  {way:26} recall {recall:5.1%}  precision {precision:5.1%}  F1 {_f1(recall, precision):5.1%}  files {size:4.1f}"
        )
    any_hit = sum(any(path in case.actual for _, path in case.ranked[:5]) for case in sample)
    lines.append(f"  at least one right among the first 5: {any_hit / max(1, len(sample)):.1%}")
    return lines


def calibration(sample: list[Case]) -> str:
    """For each tenth of the score: how many of the files so scored were touched."""
    counts: dict[int, list[int]] = {}
    for case in sample:
        for score, path in case.ranked:
            row = counts.setdefault(min(9, int(score * 10)), [0, 0])
            row[0] += 1
            row[1] += path in case.actual
    return "  touched, by score: " + ", ".join(
        f"{at / 10:g}+ {good / all_:.0%}" for at, (all_, good) in sorted(counts.items())
    )


def fit(sample: list[Case], rounds: int = 25) -> list[float]:
    """The weights of the logistic function by Newton's method, on files that no message names; the bias first."""
    rows = [
        ((1.0, *(math.sqrt(value) for value in row)), float(path in case.actual))
        for case in sample
        for path, row in case.evidence.features.items()
        if path not in case.evidence.named
    ]
    size = len(FEATURES) + 1
    weights = [-4.0] + [1.0] * (size - 1)
    for _ in range(rounds):
        gradient = [0.0, *weights[1:]]
        matrix = [[float(i == j and i > 0) for j in range(size)] for i in range(size)]
        for values, touched in rows:
            total = sum(a * b for a, b in zip(weights, values, strict=True))
            chance = 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))
            for i, one in enumerate(values):
                if one:
                    gradient[i] += (chance - touched) * one
                    for j, other in enumerate(values):
                        matrix[i][j] += chance * (1 - chance) * one * other
        step = _solved(matrix, gradient)
        weights = [a - b for a, b in zip(weights, step, strict=True)]
        if max(map(abs, step)) < 1e-4:
            break
    return weights


def _solved(matrix: list[list[float]], right: list[float]) -> list[float]:
    """The solution of a system of linear equations, by Gauss and Jordan."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for i in range(len(rows)):
        best = max(range(i, len(rows)), key=lambda at: abs(rows[at][i]))
        rows[i], rows[best] = rows[best], rows[i]
        for at, row in enumerate(rows):
            if at != i and rows[i][i]:
                factor = row[i] / rows[i][i]
                rows[at] = [a - factor * b for a, b in zip(row, rows[i], strict=True)]
    return [row[-1] / (row[i] or 1e-9) for i, row in enumerate(rows)]


def fit_names(sample: list[Case], rounds: int = 50) -> float:
    """The weight of what files define, with all other weights as they are."""
    rows = [
        (BIAS + sum(w * math.sqrt(x) for w, x in zip(WEIGHTS, row, strict=True)), row, path in case.actual)
        for case in sample
        for path, row in case.evidence.features.items()
        if path not in case.evidence.named
    ]
    told = [
        (total - WEIGHTS[BEST_NAMES] * math.sqrt(row[BEST_NAMES]), math.sqrt(row[BEST_NAMES]), float(touched))
        for total, row, touched in rows
    ]
    weight = 0.0
    for _ in range(rounds):
        chances = [1 / (1 + math.exp(-max(-30.0, min(30.0, rest + weight * x)))) for rest, x, _ in told]
        slope = weight + sum((p - touched) * x for p, (_, x, touched) in zip(chances, told, strict=True))
        curve = 1.0 + sum(p * (1 - p) * x * x for p, (_, x, _) in zip(chances, told, strict=True))
        weight -= max(-0.5, min(0.5, slope / curve))
    return weight


def history_of(name: str) -> tuple[list[Commit], Contents | None]:
    """The commits of a history, and what stood before them where that is known."""
    log, _, archives = name.partition("=")
    directory, _, within = archives.partition(":")
    path = Path(log)
    if archives:
        commits = of_change_log(path)
        return commits, of_archives(Path(directory), commits, within)
    if path.is_file():
        return of_change_log(path), None
    if (path / ".git").exists():
        commits = of_repository(name)
        return commits, of_parents(name, commits)
    return of_releases(path)


def main(arguments: list[str]) -> int:
    names = [name for name in arguments if not name.startswith("--")] or ["."]
    samples: dict[str, list[Case]] = {}
    for name in names:
        start = time.perf_counter()
        path = Path(name.partition("=")[0])
        commits, contents = history_of(name)
        samples[name] = cases(commits, contents, names="--without-names" not in arguments)
        print(
            "\n".join(
                [
                    *report(path.resolve().parent.name if path.is_file() else path.resolve().name, samples[name]),
                    calibration(samples[name]),
                ]
            ),
            flush=True,
        )
        print(f"  {time.perf_counter() - start:.0f} s", file=sys.stderr)
    if "--fit" in arguments:
        weights = fit([case for name in names[:2] for case in samples[name]])
        print("bias and weights:", [round(weight, 2) for weight in weights])
    if "--fit-names" in arguments:
        print("weight of what files define:", round(fit_names(samples[names[0]]), 2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
