#!/bin/sh
# npm packages that the tests ask for their judgement: Mermaid's parser, Sigstore's verifier. Node comes from the system or
# from a wheel; the exact versions stand in each package.json.
set -eu
venv=$1
PATH="$venv/bin:$PATH"
# Node trusts its own list of authorities; the system's may hold more.
authorities=/etc/ssl/certs/ca-certificates.crt
[ -f "$authorities" ] && export NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-$authorities}"
install() {
    directory=$1
    shift
    for package in "$@"; do
        [ -d "$directory/node_modules/$package" ] && continue
        command -v npm >/dev/null 2>&1 || { echo "npm is missing; run: make setup" >&2; exit 1; }
        echo "setup: installing npm packages for the tests: $*"
        npm install --no-package-lock --no-audit --no-fund --silent --fetch-retries 2 --prefix "$directory"
        return
    done
}
install tests/workflow/mermaid_js mermaid jsdom
install tests/evidence/sigstore_js @sigstore/verify @sigstore/bundle
