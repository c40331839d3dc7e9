#!/bin/sh
# Locks with hashes and without registry addresses.
set -eu
bin=$1
compile() {
    "$bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-emit-find-links --no-annotate --custom-compile-command "make lock" "$@"
}
compile pyproject.toml -o requirements/run.txt
compile pyproject.toml --group dev -o requirements/dev.txt
printf 'uv\nhatchling==1.27.0\n' | compile - -o requirements/build.txt
