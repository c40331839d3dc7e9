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
# An environment whose making was interrupted, or whose Python has gone, is made anew.
if ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
    rm -rf "$VENV"
    echo "setup: making $VENV"
    "$PYTHON" -m venv "$VENV" || {
        echo "the venv module is missing; on Debian: apt-get install python3-venv" >&2
        exit 1
    }
fi
echo "setup: installing locked requirements"
"$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/build.txt
# uv is quicker; where it can't reach the registry as pip can, pip installs the same lock. Unlike pip it reads no
# pip.conf and trusts a list of authorities of its own, unless told (by one name or the other, as versions differ).
export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}" UV_NATIVE_TLS="${UV_NATIVE_TLS:-true}"
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
# Kernels cut a first line that is long and split one with blanks; such a path goes through the shell.
interpreter="$root/$VENV/bin/python"
first="#!$interpreter"
case "$interpreter" in
    *[[:space:]]*) long=1 ;;
    *) long=$((${#first} > 120)) ;;
esac
if [ "$long" = 1 ]; then
    first="#!/bin/sh
'''exec' \"$interpreter\" \"\$0\" \"\$@\"
' '''"
fi
printf '%s\nfrom andon.cli import main\n\nmain()\n' "$first" >"$VENV/bin/andon"
chmod +x "$VENV/bin/andon"
"$VENV/bin/python" -m compileall -q src
echo "setup: fetching the demo's project"
"$VENV/bin/python" scripts/fetch_demo.py
"$VENV/bin/andon" --version
