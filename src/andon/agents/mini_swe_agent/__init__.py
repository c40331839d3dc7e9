"""mini-swe-agent has no hooks but an environment class of one's own: here is ours, which calls `andon hook`.

`andon_environment` is a single file that imports nothing of Andon, since mini-swe-agent runs in an environment of its own
where Andon need not be installed: `andon init --client mini-swe-agent` writes a copy of it into the repository, and
`andon work` puts this directory on the client's PYTHONPATH.
"""
