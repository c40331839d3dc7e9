#!/bin/sh
# Mermaid's npm package, which the tests compare our reading of diagrams with. Node comes from the system or from a wheel.
set -eu
venv=$1
directory=tests/workflow/mermaid_js
[ -d "$directory/node_modules/mermaid" ] && [ -d "$directory/node_modules/jsdom" ] && exit 0
PATH="$venv/bin:$PATH"
command -v npm >/dev/null 2>&1 || { echo "npm is missing; run: make setup" >&2; exit 1; }
# Node trusts its own list of authorities; the system's may hold more.
authorities=/etc/ssl/certs/ca-certificates.crt
[ -f "$authorities" ] && export NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-$authorities}"
echo "setup: installing Mermaid's npm package for the tests"
npm install --no-package-lock --no-audit --no-fund --silent --fetch-retries 2 --prefix "$directory"
