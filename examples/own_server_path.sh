#!/usr/bin/env bash
# A new user's path, timed: from an empty folder to a passing conformance run of a server of their own.
#
#   examples/own_server_path.sh [PYTHON]     PYTHON: an interpreter that has toolgym (default: a new environment)
set -euo pipefail
checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
start=$SECONDS
run() { # says what is typed, runs it, and says how long it took
    local begin=$SECONDS
    echo "\$ $*"
    "$@"
    echo "  ($((SECONDS - begin)) s)"
}
if [ $# -gt 0 ]; then
    path=$(dirname "$1")
else
    run python3 -m venv env                                  # 1
    run env/bin/pip install -q "$checkout" pytest            # 2
    path=$work/env/bin
fi
run "$path/toolgym" new server library                       # 3
run cd library
run "$path/python" -m pytest -q                              # 4: the tools, and the conformance suite
echo "from an empty folder to a passing conformance run: $((SECONDS - start)) s"
