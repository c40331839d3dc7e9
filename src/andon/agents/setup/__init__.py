"""What `andon init --client NAME` writes: a client's hooks, the skill and the section of AGENTS.md; and takes back.

Each module of `clients` describes its client as data (`records.ClientSetup`); `apply` merges and removes. Every value
that Andon adds is recognised again, so that adding twice changes nothing and removing leaves the files as they were.
"""
