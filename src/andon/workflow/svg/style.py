"""The style sheet inside of the SVG: one set of rules, a light and a dark palette.

Rules: plain CSS rules with literal colours (no variables, so that simple renderers show the light scheme right); every
selector begins with the drawing's own class, so that nothing leaks into a page that the SVG is put into; colour is
never the only sign of anything.
"""

from __future__ import annotations

ROOT = "andon-workflow"
SANS = 'system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans",Arial,sans-serif'
MONO = 'ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace'

KINDS = ("agent", "command", "human", "fanout", "wait", "workflow", "publish", "land")
GATES = ("run", "diff", "artifact", "review", "approval", "signal", "policy", "unknown", "more")
STATES = ("done", "running", "ready", "waiting", "red")
ROLES = 8
"""How many roles have a colour of their own; further ones begin again."""

_LIGHT = {
    "page": "#ffffff",
    "ink": "#1c2128",
    "muted": "#57606a",
    "card": "#ffffff",
    "rim": "#c4ccd4",
    "shade": "#0b1f3a",
    "phase": "#f3f5f8",
    "phase_rim": "#d5dbe3",
    "line": "#6b7683",
    "rework": "#b54708",
    "rework_fill": "#fff6ed",
    "chip": "#f3f5f8",
    "chip_rim": "#d9dfe6",
    "agent": "#2f62d0",
    "command": "#4b5563",
    "human": "#a15c00",
    "fanout": "#b0307f",
    "wait": "#0b7285",
    "workflow": "#6941c6",
    "publish": "#7a3fc9",
    "land": "#157f3b",
    "run": "#2f62d0",
    "diff": "#0b7285",
    "artifact": "#7a3fc9",
    "review": "#b0307f",
    "approval": "#a15c00",
    "signal": "#157f3b",
    "policy": "#4b5563",
    "unknown": "#c5221f",
    "more": "#57606a",
    "done": "#157f3b",
    "running": "#2f62d0",
    "ready": "#0b7285",
    "waiting": "#a15c00",
    "red": "#c5221f",
    "on_accent": "#ffffff",
    "role": "#2f62d0 #b0307f #157f3b #a15c00 #7a3fc9 #0b7285 #c5221f #4b5563",
}
_DARK = {
    "page": "#0d1117",
    "ink": "#e6edf3",
    "muted": "#9aa5b1",
    "card": "#171d26",
    "rim": "#3a4450",
    "shade": "#000000",
    "phase": "#11161d",
    "phase_rim": "#2c3540",
    "line": "#8792a0",
    "rework": "#f0883e",
    "rework_fill": "#2a1a0c",
    "chip": "#202833",
    "chip_rim": "#36404c",
    "agent": "#79a6ff",
    "command": "#aab4c0",
    "human": "#e3b341",
    "fanout": "#f489c5",
    "wait": "#4cc9dc",
    "workflow": "#b79bff",
    "publish": "#c297ff",
    "land": "#56d364",
    "run": "#79a6ff",
    "diff": "#4cc9dc",
    "artifact": "#c297ff",
    "review": "#f489c5",
    "approval": "#e3b341",
    "signal": "#56d364",
    "policy": "#aab4c0",
    "unknown": "#ff7b72",
    "more": "#9aa5b1",
    "done": "#56d364",
    "running": "#79a6ff",
    "ready": "#4cc9dc",
    "waiting": "#e3b341",
    "red": "#ff7b72",
    "on_accent": "#0d1117",
    "role": "#79a6ff #f489c5 #56d364 #e3b341 #c297ff #4cc9dc #ff7b72 #aab4c0",
}


def style_sheet(kinds: set[str], gates: set[str], states: set[str], roles: int) -> str:
    """The rules for what the drawing holds. kinds, gates, states: those that occur. roles: how many have a colour."""
    light = _rules(_LIGHT, kinds, gates, states, roles)
    dark = _rules(_DARK, kinds, gates, states, roles)
    return f"{_common(states)}\n{light}\n@media (prefers-color-scheme:dark){{\n{dark}\n}}"


def _scoped(rules: list[str]) -> str:
    return "\n".join(f".{ROOT} {rule}" for rule in rules)


def _common(states: set[str]) -> str:
    rules = [
        f"text{{font-family:{SANS};font-size:11.5px}}",
        f".mono{{font-family:{MONO}}}",
        ".name{font-size:19px;font-weight:650}",
        ".title{font-size:13.5px;font-weight:620}",
        ".phase-title{font-size:12px;font-weight:650;letter-spacing:.02em}",
        ".chip text,.label text,.state text{font-size:11px}",
        ".label text,.state text{text-anchor:middle}",
        ".state text{font-weight:650}",
        ".note{font-size:12.5px}",
        ".line{fill:none;stroke-width:1.6}",
        ".rework .line{stroke-dasharray:6 4}",
        ".icon{fill:none;stroke-width:1.6;stroke-linecap:round;stroke-linejoin:round}",
        ".shape{stroke-width:1.3}",
        ".land .shape,.human .shape{stroke-width:1.8}",
        ".wait .shape{stroke-dasharray:5 4}",
        ".ring{fill:none;stroke-width:2}",
    ]
    if "running" in states:
        rules.append(".is-running .halo{animation:andon-pulse 1.8s ease-in-out infinite}")
    sheet = _scoped(rules)
    if "running" in states:
        sheet += (
            "\n@keyframes andon-pulse{50%{stroke-opacity:.15}}"
            f"\n@media (prefers-reduced-motion:reduce){{.{ROOT} .is-running .halo{{animation:none}}}}"
        )
    return sheet


def _rules(palette: dict[str, str], kinds: set[str], gates: set[str], states: set[str], roles: int) -> str:
    p = palette
    rules = [
        f".page{{fill:{p['page']}}}",
        f"text{{fill:{p['ink']}}}",
        f".muted,.phase-title{{fill:{p['muted']}}}",
        f".phase rect{{fill:{p['phase']};stroke:{p['phase_rim']}}}",
        f".phase .phase-title{{stroke:{p['phase']}}}",
        f".shape{{fill:{p['card']};stroke:{p['rim']}}}",
        f".line{{stroke:{p['line']}}}",
        f".tip,.bar,.start{{fill:{p['line']}}}",
        f".rework .line{{stroke:{p['rework']}}}",
        f".rework .tip{{fill:{p['rework']}}}",
        f".rework .label rect{{fill:{p['rework_fill']};stroke:{p['rework']}}}",
        f".rework .label text{{fill:{p['rework']}}}",
        f".label rect{{fill:{p['page']};stroke:{p['chip_rim']}}}",
        f".label text{{fill:{p['muted']}}}",
        f".chip rect{{fill:{p['chip']};stroke:{p['chip_rim']}}}",
        f".ring{{stroke:{p['line']}}}",
        f".diamond{{fill:{p['card']};stroke:{p['line']};stroke-width:1.6}}",
        f".state text{{fill:{p['on_accent']}}}",
    ]
    for kind in KINDS:
        if kind in kinds:
            rules.append(f".{kind} .icon{{stroke:{p[kind]}}}")
            rules.append(f".{kind} .badge{{fill:{p[kind]};fill-opacity:.12}}")
            if kind in ("human", "land", "command", "wait"):
                rules.append(f".{kind} .shape{{stroke:{p[kind]}}}")
    for gate in GATES:
        if gate in gates:
            rules.append(f".gate-{gate}{{stroke:{p[gate]};fill:{p['chip']}}}")
            rules.append(f".gate-{gate}.sure{{fill:{p[gate]}}}")
    for number, colour in enumerate(p["role"].split()[:roles]):
        rules.append(f".role-{number}{{fill:{colour}}}")
    for state in STATES:
        if state in states:
            rules.append(f".is-{state} .shape,.is-{state} .halo{{stroke:{p[state]}}}")
            rules.append(f".is-{state} .state rect{{fill:{p[state]}}}")
    return _scoped(rules)
