"""How each real client is told to use the scripted endpoint and to leave the world alone: its files, variables, command line.

Facts about clients stand here and in README.md of this directory; nothing of Andon is known here. Every key is a dummy.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.clients.endpoint import PORT

URL = f"http://127.0.0.1:{PORT}"
KEY = "dummy"
INSTALLED = Path(sys.prefix) / "clients"
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Client:
    """One client. name: in requirements/clients.list, and to `andon` where it knows the client.

    command: what a person types to have the prompt carried out without questions, hooks of the repository included.
    files: what is written into the home directory, by relative path. reports: what the client prints of usage after three
    requests, "" when it prints none. allowing: what a person adds to `andon work` so that nothing is asked. unbound: what lifts
    the client's own sandbox as well, where it has one. slower: belongs to the slower set.
    """

    name: str
    program: str
    dialect: str
    command: Callable[[str], list[str]]
    files: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    reports: str = ""
    allowing: tuple[str, ...] = ()
    unbound: tuple[str, ...] = ()
    slower: bool = False

    def configure(self, home: Path) -> None:
        for name, text in self.files.items():
            path = home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    @property
    def missing(self) -> str:
        """How to get it when it is not there; "" when it is."""
        if (INSTALLED / self.name / ".stamp").exists() and (INSTALLED / "bin" / self.program).exists():
            return ""
        return f"{self.name} is not installed; run: sh scripts/clients.sh {sys.prefix} {self.name}   (or: make clients)"


CODEX_ALONE = (
    *("codex", "exec", "--json", "--trust"),
    *("--dangerously-bypass-approvals-and-sandbox", "--dangerously-bypass-hook-trust"),
)
MINI_ALONE = (
    *("mini", "--yolo", "--exit-immediately", "-l", "0", "-m", "openai/scripted"),
    *("-c", "mini.yaml", "-c", f"model.model_kwargs.api_base={URL}/v1", "-t"),
)
CLAUDE_ALONE = ("claude", "--output-format", "stream-json", "--verbose", "--dangerously-skip-permissions", "-p")

COPILOT_ALLOWS = ("--allow-all-tools", "--allow-all-paths")

CODEX = Client(
    name="codex",
    program="codex",
    dialect="openai-responses",
    command=lambda prompt: [*CODEX_ALONE, prompt],
    # A model that it knows of, since it offers its tool for patches to those alone.
    files={
        ".codex/config.toml": f"""\
model = "gpt-5.5"
model_provider = "scripted"
check_for_update_on_startup = false

[analytics]
enabled = false

[model_providers.scripted]
name = "Scripted"
base_url = "{URL}/v1"
wire_api = "responses"
env_key = "SCRIPTED_API_KEY"
request_max_retries = 1
stream_max_retries = 1
"""
    },
    environment={"SCRIPTED_API_KEY": KEY},
    allowing=("--trust", "--dangerously-bypass-hook-trust"),
    unbound=("--dangerously-bypass-approvals-and-sandbox",),
    reports='"usage":{"input_tokens":300,"cached_input_tokens":120,"cache_write_input_tokens":0,"output_tokens":30',
)

GEMINI = Client(
    name="gemini",
    program="gemini",
    dialect="gemini",
    command=lambda prompt: ["gemini", "--yolo", "-o", "stream-json", "-p", prompt],
    files={
        ".gemini/settings.json": json.dumps(
            {
                "security": {"auth": {"selectedType": "gemini-api-key"}},
                "model": {"name": "gemini-2.5-pro"},
                "privacy": {"usageStatisticsEnabled": False},
                "telemetry": {"enabled": False},
                "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
            },
            indent=2,
        )
    },
    # By the option --skip-trust it would leave the hooks of the repository out.
    environment={"GOOGLE_GEMINI_BASE_URL": URL, "GEMINI_API_KEY": KEY, "GEMINI_CLI_TRUST_WORKSPACE": "true"},
    reports='"input_tokens":300,"output_tokens":30,"cached":120',
)

VIBE = Client(
    name="vibe",
    program="vibe",
    dialect="openai-chat",
    command=lambda prompt: ["vibe", "-p", prompt, "--output", "streaming", "--auto-approve", "--trust"],
    allowing=("--auto-approve",),
    files={
        ".vibe/config.toml": f"""\
active_model = "scripted"
enable_telemetry = false
enable_update_checks = false
enable_auto_update = false
enable_notifications = false
enable_connectors = false

[[providers]]
name = "scripted"
api_base = "{URL}/v1"
api_key_env_var = "SCRIPTED_API_KEY"

[[models]]
name = "scripted"
provider = "scripted"
alias = "scripted"
"""
    },
    environment={"SCRIPTED_API_KEY": KEY},
)

MINI = Client(
    name="mini-swe-agent",
    program="mini",
    dialect="openai-chat",
    command=lambda prompt: [*MINI_ALONE, prompt],
    allowing=MINI_ALONE[3:-1],
    environment={
        "OPENAI_API_KEY": KEY,
        "MSWEA_CONFIGURED": "true",
        "MSWEA_COST_TRACKING": "ignore_errors",
        "MSWEA_SILENT_STARTUP": "1",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    },
)

OPENCODE = Client(
    name="opencode",
    program="opencode",
    dialect="openai-chat",
    command=lambda prompt: ["opencode", "run", "--format", "json", prompt],
    # Where a repository has `.opencode`, it waits for npm to fetch a package that nobody needs, and tries again for minutes.
    files={
        ".npmrc": "offline=true\nfetch-retries=0\naudit=false\n",
        ".config/opencode/opencode.json": json.dumps(
            {
                "autoupdate": False,
                "share": "disabled",
                "snapshot": False,
                "model": "scripted/scripted",
                "small_model": "scripted/scripted",
                "permission": "allow",
                "provider": {
                    "scripted": {
                        "npm": "@ai-sdk/openai-compatible",
                        "name": "Scripted",
                        "options": {"baseURL": f"{URL}/v1", "apiKey": KEY},
                        "models": {"scripted": {"name": "Scripted"}},
                    }
                },
            },
            indent=2,
        ),
    },
    environment={
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
        "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        # Before it loads any plugin it waits for npm to install its library for plugins, and without a network that is long.
        "npm_config_offline": "true",
    },
    reports='"tokens":{"total":110,"input":60,"output":10',
    slower=True,
)

QWEN = Client(
    name="qwen",
    program="qwen",
    dialect="openai-chat",
    command=lambda prompt: ["qwen", "--auth-type", "openai", "--yolo", "-o", "stream-json", "-p", prompt],
    files={
        ".qwen/settings.json": json.dumps(
            {
                "security": {"auth": {"selectedType": "openai"}},
                "privacy": {"usageStatisticsEnabled": False},
                "telemetry": {"enabled": False},
                "general": {"enableAutoUpdate": False, "disableAutoUpdate": True},
            },
            indent=2,
        )
    },
    environment={"OPENAI_BASE_URL": f"{URL}/v1", "OPENAI_API_KEY": KEY, "OPENAI_MODEL": "scripted"},
    reports='"usage":{"input_tokens":300,"output_tokens":30,"cache_read_input_tokens":120',
    slower=True,
)

CLAUDE = Client(
    name="claude",
    program="claude",
    dialect="anthropic",
    command=lambda prompt: [*CLAUDE_ALONE, prompt],
    # As root it refuses to skip permissions unless it is told that it is in a sandbox.
    environment={
        "ANTHROPIC_BASE_URL": URL,
        "ANTHROPIC_API_KEY": KEY,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "IS_SANDBOX": "1",
    },
    allowing=("--dangerously-skip-permissions",),
    reports='"inputTokens":180,"outputTokens":30,"cacheReadInputTokens":120',
    slower=True,
)

COPILOT = Client(
    name="copilot",
    program="copilot",
    dialect="openai-chat",
    command=lambda prompt: ["copilot", "--output-format", "json", "--no-color", *COPILOT_ALLOWS, "-p", prompt],
    # Exactly "true" also trusts the directory, which its hooks need.
    environment={
        "COPILOT_ALLOW_ALL": "true",
        "COPILOT_OFFLINE": "true",
        "COPILOT_AUTO_UPDATE": "false",
        "COPILOT_MODEL": "scripted",
        "COPILOT_PROVIDER_BASE_URL": f"{URL}/v1",
        "COPILOT_PROVIDER_API_KEY": KEY,
    },
    allowing=COPILOT_ALLOWS,
    slower=True,
)

CLIENTS = {client.name: client for client in (CODEX, GEMINI, VIBE, MINI, OPENCODE, QWEN, CLAUDE, COPILOT)}
"""Those that can be driven here, by name."""
