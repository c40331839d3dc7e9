#!/bin/sh
# Make the virtual environment: hashed locks only, compiled byte code, the project itself as a plain path.
set -eu
PYTHON=${PYTHON:-python3}
VENV=${VENV:-.venv}
LOCK=${LOCK:-requirements/dev.txt}

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Andon needs Python 3.11 or later; $PYTHON is $("$PYTHON" --version 2>&1). Try: make PYTHON=python3.12" >&2
    exit 1
}
if [ ! -x "$VENV/bin/python" ]; then
    echo "setup: making $VENV"
    "$PYTHON" -m venv "$VENV" || {
        echo "the venv module is missing; on Debian: apt-get install python3-venv" >&2
        exit 1
    }
fi
echo "setup: installing locked requirements"
"$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/build.txt
# uv is quicker; where it can't reach the registry as pip can, pip installs the same lock.
if ! { "$VENV/bin/uv" pip install --quiet --python "$VENV/bin/python" --require-hashes --no-deps \
        --compile-bytecode -r "$LOCK" 2>"$VENV/uv.log"; }; then
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r "$LOCK"
fi
# What `venv` adds by itself on older Pythons hooks into every start of the interpreter.
"$VENV/bin/python" -m pip uninstall --quiet --yes --disable-pip-version-check setuptools >/dev/null 2>&1 || true
# A plain path file: an editable install's import hook would cost more than the whole hot path.
site=$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
root=$(pwd)
echo "$root/src" >"$site/andon.pth"
cat >"$VENV/bin/andon" <<SCRIPT
#!$root/$VENV/bin/python
from andon.cli import main
main()
SCRIPT
chmod +x "$VENV/bin/andon"
"$VENV/bin/python" -m compileall -q src
echo "setup: fetching the demo's project"
"$VENV/bin/python" scripts/fetch_demo.py
"$VENV/bin/andon" --version
