#!/bin/sh
# Mermaid's npm package, which the tests compare our reading of diagrams with. Node comes from the system or from a wheel.
set -eu
venv=$1
directory=tests/workflow/mermaid_js
[ -d "$directory/node_modules/mermaid" ] && [ -d "$directory/node_modules/jsdom" ] && exit 0
PATH="$venv/bin:$PATH"
command -v npm >/dev/null 2>&1 || { echo "npm is missing; run: make setup" >&2; exit 1; }
echo "setup: installing Mermaid's npm package for the tests"
npm install --no-package-lock --no-audit --no-fund --silent --prefix "$directory"
