"""aider: it has no hooks, but runs a test command after every edit and works on while that fails (three times at most).

It reads `.aider.conf.yml` at the repository's root; it would commit by itself, which is the lead's.
"""

from __future__ import annotations

from andon.agents.setup.commands import IN_CLAIM
from andon.agents.setup.records import ClientSetup, TomlBlock

# Outside a claimed worktree there is nothing to check; pending is nothing that aider could mend.
CHECK = f"{IN_CLAIM} || exit 0; andon check; case $? in 0|3) exit 0;; *) exit 1;; esac"

CONFIG = f"""\
auto-commits: false
dirty-commits: false
gitignore: false
auto-test: true
test-cmd: >-
  {CHECK}
read: [AGENTS.md]
"""

IGNORED = ".aider*\n!.aider.conf.yml\n"

CLIENT = ClientSetup(
    name="aider",
    title="aider",
    program="aider",
    install="pip install aider-install && aider-install",
    edits=(TomlBlock(path=".aider.conf.yml", text=CONFIG), TomlBlock(path=".gitignore", text=IGNORED)),
    enforced=("after each edit the step's gates run, and aider works on what is red, three times at most",),
    limits=(
        "aider has no hooks: nothing is denied beforehand, and nothing keeps it from ending; the gates at `andon advance` "
        "decide",
        "no heartbeat and no tokens are reported: choose a lease that is long enough",
        "somebody must run `andon next` and `andon advance`; in aider: `/run andon advance -m '…'`",
    ),
)
