"""Who is calling: an agent's session or a person. Imports `os` alone unless clients are registered here."""

from __future__ import annotations

import os

SESSIONS = (
    ("CLAUDE_CODE_SESSION_ID", "claude-code"),
    ("CLAUDE_SESSION_ID", "claude-code"),
    ("CODEX_SESSION_ID", "codex"),
    ("CODEX_THREAD_ID", "codex"),
    ("GEMINI_SESSION_ID", "gemini"),
    ("QWEN_SESSION_ID", "qwen"),
    ("QWEN_CODE_SESSION_ID", "qwen"),
    ("CURSOR_SESSION_ID", "cursor"),
    ("OPENCODE_SESSION_ID", "opencode"),
    ("GOOSE_SESSION_ID", "goose"),
)
"""Variables by which agent clients name their session, and the client."""

CLIENTS = (
    "CLAUDECODE",
    "CLAUDE_CODE_ENTRYPOINT",
    "CODEX_SANDBOX",
    "CODEX_SANDBOX_NETWORK_DISABLED",
    "GEMINI_CLI",
    "QWEN_CODE",
    "CURSOR_AGENT",
    "CURSOR_TRACE_ID",
    "OPENCODE",
    "GOOSE_TERMINAL",
    "COPILOT_AGENT",
    "COPILOT_CLI",
    "AIDER_MODEL",
    "OPENHANDS_RUNTIME",
    "VIBE_SESSION",
    "AGENT",
    "AI_AGENT",
)
"""Variables that are set inside an agent client's environment."""


def login() -> str:
    """The operating system's name of the user, without consulting a variable that anyone may set."""
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        return f"uid-{os.getuid()}"


def agent_environment() -> str | None:
    """The variable that shows an agent's environment, or None."""
    for name in ("ANDON_AGENT", "ANDON_RUN", *(name for name, _client in SESSIONS), *CLIENTS):
        if os.environ.get(name):
            return name
    return None


def ancestor() -> tuple[str, str] | None:
    """(name, client) of the agent's client that this process descends from, as its hooks registered it."""
    from andon.git.locate import locate

    try:
        found = locate(os.getcwd())
        if found is None or not os.path.isdir(os.path.join(found[0], "andon", "sessions")):
            return None
    except OSError:
        return None
    from andon.agents.sessions import registered

    return registered(found[0])


def session_name() -> str | None:
    """The name of the agent's session around this process: ANDON_AGENT, the client's session, a client among the ancestors."""
    name = os.environ.get("ANDON_AGENT")
    if name:
        return name
    for variable, client in SESSIONS:
        session = os.environ.get(variable)
        if session:
            return f"{client}-{session[:40]}"
    client_above = ancestor()
    return client_above[0] if client_above is not None else None


def client_name() -> str:
    """The client of the session around this process, "" when it can't be told."""
    above = ancestor()
    if above is not None:
        # A registered process says more than variables, which are inherited.
        return above[1].removeprefix("launched ")
    found = next((client for variable, client in SESSIONS if os.environ.get(variable)), "")
    return found.removesuffix("-code") if found == "claude-code" else found


def who(explicit: str | None = None) -> tuple[str, bool]:
    """(name, whether it is a person): --agent, else the session's name, else login@host."""
    name = explicit or session_name()
    if name:
        return name, False
    person = f"{login()}@{os.uname().nodename}"
    return person, agent_environment() is None


def aliases() -> tuple[str, ...]:
    """Other names of the person at work."""
    return (login(),)
