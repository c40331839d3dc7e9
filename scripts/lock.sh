#!/bin/sh
# Locks with hashes and without registry addresses.
set -eu
bin=$1
compile() {
    python=$1
    shift
    "$bin/uv" pip compile --quiet --universal --python-version "$python" --generate-hashes --no-emit-index-url \
        --no-emit-find-links --no-annotate --custom-compile-command "make lock" "$@"
}
compile 3.11 pyproject.toml -o requirements/run.txt
compile 3.11 pyproject.toml --group dev -o requirements/dev.txt
printf 'uv\nhatchling==1.27.0\n' | compile 3.11 - -o requirements/build.txt
# Agent clients, each for an environment of its own.
pin() {
    awk -v name="$1" '$1 == name { print $3 "==" $4 }' requirements/clients.list
}
pin vibe | compile 3.12 - -o requirements/client-vibe.txt
# It asks for `datasets`, which brings 300 MB for benchmarks that no test runs.
override=$(mktemp)
trap 'rm -f "$override"' EXIT
echo "datasets; python_version < '3'" >"$override"
# litellm of today can't complete without `mcp`, which it does not ask for; this one can.
{ pin mini-swe-agent; echo "litellm==1.80.0"; } | compile 3.11 - --override "$override" -o requirements/client-mini-swe-agent.txt
