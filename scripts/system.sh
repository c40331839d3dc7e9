#!/bin/sh
# System packages: installed when root, otherwise the one line to run.
set -eu
missing=""
for package in "$@"; do
    case "$package" in
        bubblewrap) command -v bwrap >/dev/null 2>&1 || missing="$missing $package" ;;
        *) command -v "$package" >/dev/null 2>&1 || missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "system: installing$missing"
    apt-get update -qq >/dev/null 2>&1 || true
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing >/dev/null
else
    echo "needed and missing:$missing; run: sudo apt-get install -y$missing" >&2
    exit 1
fi
