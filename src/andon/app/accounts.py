"""Who may log in to this machine: how a person's mailbox is told from an agent's.

Rules: the system's own accounts (mail, backup …) are nobody's; a name with a host is a person's of this host alone. Must
not know: messages.
"""

from __future__ import annotations

import os

FIRST_PERSON = 1000
NOBODY = 65_534


def is_login(name: str) -> bool:
    """Whether this is LOGIN or LOGIN@HOST of a person here."""
    login, at, host = name.partition("@")
    if at and host != os.uname().nodename:
        return False
    try:
        import pwd

        number = pwd.getpwnam(login).pw_uid
    except (ImportError, KeyError, ValueError):
        return False
    return number == os.getuid() or (number >= FIRST_PERSON and number != NOBODY)
