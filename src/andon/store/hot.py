"""The hot path: `status --json`, `inbox`, an empty `next` and `heartbeat`, answered with JSON that SQLite makes.

Agents call these hundreds of times, so the import cost counts: no records, no json module, no typing at run time.
Rules: reading only, and no decisions, but for one: a renewal of a lease, which is the core's `Renew` written down in
SQL. A test holds it to the core event by event. Whatever is unusual is left to the slow path (None, or False).

The connection is kept open in the process: a command that ends with `os._exit` saves the checkpoint that closing the
last connection would make.
"""

from __future__ import annotations

import _sqlite3 as sqlite
import os

from andon.store.locking import WriteLock
from andon.store.sql_text import SCHEMA_VERSION, statements, uri_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


BUSY_TIMEOUT_S = 15.0
MAX_LISTED = 200
EACH = 400
"""As in the engine (`offers`): so many ready items of every priority are put in order."""
MIN_RENEWAL_S = 30.0
"""As in the core: a renewal by less than this, or a tenth of the lease, is not worth an event."""
TOKENS_MAX = 10**9
"""As in the core: the most that one count of tokens may be."""
MAX_LEASE_FILE_BYTES = 16_384

_kept: dict[str, sqlite.Connection] = {}


def status(db_path: str, now: float) -> str:
    """The whole of `status --json`. Raises AndonError when the database can't be read."""
    return str(_answer(db_path, "status", {"now": now, "limit": MAX_LISTED, "each": EACH})[0])


def inbox(db_path: str, recipients: list[str] | tuple[str, ...], now: float) -> str:
    """The unacknowledged messages of an agent, as JSON. recipients: its own name first, then its other mailboxes.

    The mailboxes of the runs and roles that it holds now are added. Raises AndonError.
    """
    return str(_inbox(db_path, recipients)[0])


def unread(db_path: str, recipients: list[str] | tuple[str, ...]) -> int:
    """How many messages `inbox` would give. Raises AndonError."""
    return int(_inbox(db_path, recipients)[1])


def claims(db_path: str, names: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """(run, step, worktree) of what an agent holds under any of its names, the newest first. Raises AndonError."""
    parameters: dict[str, str | int | float] = {"names": _json_list(db_path, names), "limit": MAX_LISTED}
    text = str(_answer(db_path, "claims", parameters)[0])
    found: list[tuple[str, str, str]] = []
    for line in text.split("\n"):
        run, _, rest = line.partition("\t")
        step, _, workdir = rest.partition("\t")
        if workdir:
            found.append((run, step, workdir))
    return found


def open_question(db_path: str, names: tuple[str, ...], run: str, step: str, now: float) -> str:
    """The id of a question about this step that its agent waits for an answer to; "" when there is none."""
    listed = _json_list(db_path, names)
    parameters: dict[str, str | int | float] = {"names": listed, "run": run, "step": step, "now": now}
    return str(_answer(db_path, "open_question", parameters)[0])


def _json_list(db_path: str, names: list[str] | tuple[str, ...]) -> str:
    marks = ", ".join("?" * len(names))
    return str(_answer(db_path, None, tuple(names), f"SELECT json_array({marks})")[0])


def _inbox(db_path: str, recipients: list[str] | tuple[str, ...]) -> tuple[str, int]:
    names = _json_list(db_path, recipients)
    agent = recipients[0] if recipients else ""
    text, count = _answer(db_path, "inbox", {"recipients": names, "agent": agent, "limit": MAX_LISTED})
    return str(text), int(count)


def nothing_ready(db_path: str, role: str | None, agent: str, now: float) -> bool:
    """True only if there is certainly nothing that `next` could claim, expire or tick; on any doubt False."""
    try:
        connection = _open(db_path)
        if connection is None:
            return False
        parameters = {"role": role, "agent": agent, "now": now}
        (something,) = connection.execute(_sql("something_ready"), parameters).fetchone()
    except (sqlite.Error, OSError, UnicodeError):
        return False
    return not something


# ---------------------------------------------------------------- heartbeat


def heartbeat(db_path: str | None, git_dir_lease_file: str, now: float, tokens_used: int) -> tuple[int, str] | None:
    """Renew the lease that a worktree's lease file names: (exit code, JSON). None: the slow path must answer.

    db_path None: the database that the lease file names. Nothing is written when the lease was renewed a moment ago.
    """
    lease = _lease_file(git_dir_lease_file)
    if lease is None or not 0 <= tokens_used <= TOKENS_MAX or not _same_file(db_path, lease["db"]):
        return None
    try:
        connection = _open(lease["db"])
        if connection is None:
            return None
        renewal = _decide(connection, lease, float(now), tokens_used)
        if renewal is not None and renewal["seq"]:
            renewal = _renew(connection, lease, float(now), tokens_used)
        if renewal is None:
            return None
        (text,) = connection.execute(_sql("renewal_answer"), renewal).fetchone()
    except (sqlite.Error, OSError, ValueError):
        return None
    return 0, str(text)


def _same_file(db_path: str | None, named: str) -> bool:
    return db_path is None or db_path == named or os.path.realpath(db_path) == os.path.realpath(named)


def _lease_file(path: str) -> dict[str, str] | None:
    """The values of a lease file in local mode; None when there is none or it is incomplete."""
    try:
        with open(path, encoding="utf-8", errors="strict") as file:
            text = file.read(MAX_LEASE_FILE_BYTES)
    except (OSError, ValueError):
        return None
    values = dict(line.partition("=")[::2] for line in text.split("\n") if "=" in line)
    if values.get("url") or not all(values.get(key) for key in ("run", "step", "token", "agent", "db")):
        return None
    plain = values["step"].replace("_", "").replace("-", "")
    # The step's id becomes part of a JSON path.
    return values if plain.isascii() and plain.isalnum() and values["token"].isdecimal() else None


def _decide(
    connection: sqlite.Connection, lease: dict[str, str], now: float, tokens_used: int
) -> dict[str, str | int | float] | None:
    """The renewal's values, with seq 0 when there is nothing to write; None when the core must decide."""
    place = f'$.active."{lease["step"]}".lease'
    parameters = {"run": lease["run"], "step": lease["step"], "fence": place + ".token"}
    parameters |= {"session": place + ".session_ends_at", "budget": place + ".budget"}
    row = connection.execute(_sql("lease"), parameters).fetchone()
    if row is None:
        return None
    agent, token, expires, lease_s, run_status, seq, total, state_token, digest, limit, bounded = row
    usual = (
        run_status == "open"
        and agent == lease["agent"]
        and token == state_token == int(lease["token"])
        and now < expires
        and digest is not None
        and not bounded
        and (limit is None or total + tokens_used <= limit)
    )
    if not usual:
        return None
    wanted = now + lease_s
    due = wanted - expires >= min(MIN_RENEWAL_S, lease_s / 10) or tokens_used > 0
    expires = max(wanted, expires) if due else expires
    return {
        "run": lease["run"],
        "step": lease["step"],
        "expiry": place + ".expires_at",
        "seq": seq + 1 if due else 0,
        "agent": agent,
        "token": token,
        "at": now,
        "at_text": repr(now),
        "expires": expires,
        "expires_text": repr(expires),
        "tokens": tokens_used,
        "total": total + tokens_used,
    }


def _renew(
    connection: sqlite.Connection, lease: dict[str, str], now: float, tokens_used: int
) -> dict[str, str | int | float] | None:
    """Decide again as the one writer, and write the event, the state and the rows in one transaction."""
    lock = WriteLock(lease["db"] + ".lock")
    try:
        opened = os.stat(lease["db"])
        if not lock.acquire():
            return None
        now_there = os.stat(lease["db"])
        if (opened.st_dev, opened.st_ino) != (now_there.st_dev, now_there.st_ino):
            return None
        connection.execute("BEGIN IMMEDIATE")
        renewal = _decide(connection, lease, now, tokens_used)
        if renewal is not None and renewal["seq"]:
            connection.execute(_sql("renewal_event"), renewal)
            connection.execute(_sql("renewal_state"), renewal)
            connection.execute(_sql("renewal_step"), renewal)
            connection.execute(_sql("renewal_run"), renewal)
        connection.execute("COMMIT")
        return renewal
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        lock.close()


# ---------------------------------------------------------------- the connection


_read: list[dict[str, str]] = []


def _sql(name: str) -> str:
    if not _read:
        _read.append(statements("hot"))
    return _read[0][name]


def _open(path: str) -> sqlite.Connection | None:
    """The connection to an up-to-date database; None when it has another schema."""
    connection = _kept.get(path)
    if connection is None:
        close()
        if not os.stat(path).st_size:
            # Whatever became of it: the slow path tells, before SQLite throws the log beside it away.
            return None
        connection = sqlite.connect(uri_of(path), timeout=BUSY_TIMEOUT_S, isolation_level=None, uri=True)
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version != SCHEMA_VERSION:
            connection.close()
            return None
        connection.execute("PRAGMA synchronous = FULL")
        _kept[path] = connection
    return connection


def close() -> None:
    """Close what is kept open; for processes that live on."""
    while _kept:
        _kept.popitem()[1].close()


def _answer(
    path: str,
    name: str | None,
    parameters: Mapping[str, str | int | float] | tuple[str, ...],
    text: str = "",
) -> tuple[str | int, ...]:
    """One row. Raises AndonError."""
    try:
        connection = _open(path)
        if connection is None:
            connection = _migrated(path)
        row: tuple[str | int, ...] = connection.execute(_sql(name) if name else text, parameters).fetchone()
        return row
    except (sqlite.Error, OSError) as error:
        if not os.path.exists(path) and not WriteLock(path + ".lock").marked():
            raise _missing(path) from error
        if not os.path.exists(path):
            _migrated(path)
        from andon.store import errors

        raised = errors.translate(error, path) if isinstance(error, sqlite.Error) else errors.translate_os(error, path)
        raise raised from error


def _migrated(path: str) -> sqlite.Connection:
    """The slow way to an up-to-date database, or the reason why there is none."""
    from andon.store.sqlite import SqliteStore

    store = SqliteStore(path)
    store.open()
    store.close()
    connection = _open(path)
    if connection is None:
        from andon.store import errors

        raise errors.corrupt(f"the database {path} has an unknown schema")
    return connection


def _missing(path: str) -> Exception:
    from andon.core.errors import EXIT_USAGE, AndonError

    text = f"Andon is not set up here: there is no {path}"
    return AndonError(text, kind="not_initialised", next="andon init", exit=EXIT_USAGE)
