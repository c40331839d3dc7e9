"""mini-swe-agent: it has no hooks, so its environment class is ours.

A copy of it goes into `.andon/`, which workflows protect.
"""

from __future__ import annotations

from importlib.resources import files

from andon.agents.setup.records import ClientSetup, WholeFile

DIRECTORY = ".andon/mini-swe-agent"
CONFIG = """\
# Written by `andon init --client mini-swe-agent`. In the repository's root:
#   PYTHONPATH=.andon/mini-swe-agent mini -c mini.yaml -c .andon/mini-swe-agent/andon.yaml
environment:
  environment_class: andon_environment.AndonEnvironment
"""

CLIENT = ClientSetup(
    name="mini-swe-agent",
    title="mini-swe-agent",
    program="mini",
    install="uv tool install mini-swe-agent",
    edits=(
        WholeFile(
            path=f"{DIRECTORY}/andon_environment.py",
            text=files("andon.agents.mini_swe_agent").joinpath("andon_environment.py").read_text(encoding="utf-8"),
        ),
        WholeFile(path=f"{DIRECTORY}/andon.yaml", text=CONFIG),
    ),
    trust=f"start it with the environment: `PYTHONPATH={DIRECTORY} mini -c mini.yaml -c {DIRECTORY}/andon.yaml`; without these "
    "words nothing of Andon is asked. `andon work --agent mini-swe-agent` says them by itself",
    enforced=(
        "git commands that move branches or touch the shared index are not run, nor commands that plainly write a "
        "protected file or one outside the scope",
        "a submission is answered by the step's gates: while one is red the agent works on, up to Andon's bound",
    ),
    limits=(
        "all that it does is shell commands; what one writes is seen by the diff gate only, where it does not stand "
        "plainly in the command",
        "a run also ends at its limits of steps, costs and time, or after three answers without a command; nothing is "
        "asked then, and the step stays undone",
        "the agent's own commands could call anything; the gates at `andon advance` decide all the same",
        "sessions can't be resumed; `andon work` begins another run for each prompt, with all that it must know",
    ),
    proven="real program",
)
