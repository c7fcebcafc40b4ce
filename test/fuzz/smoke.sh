#!/bin/sh
# SPDX-License-Identifier: MIT
# smoke.sh BUILD_DIR SECONDS [NAME] - run each fuzz target of a clang build, or that of NAME, for
# SECONDS on its seeds, one on each processor. Inputs that reach new code and inputs that crash are
# kept in BUILD_DIR/test/fuzz/found/. Exits with other than 0 if any has found something.
set -eu
build=$1
seconds=$2
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -lt 3 ]; then
    ninja -C "$build" fuzz
    printf '%s\n' deflate http1 http_client http_ends http_server http_values llhttp react tls \
        uri utf8 ws ws_client | xargs -n 1 -P "$(nproc)" "$0" "$build" "$seconds"
    exit
fi
name=$3
found=$build/test/fuzz/found
if ! [ -x "$build/test/fuzz/fuzz-$name" ]; then
    echo "fuzz-$name: not built here (llhttp wants the package node-llhttp)"
    exit
fi
mkdir -p "$found/$name"
"$build/test/fuzz/fuzz-$name" -max_total_time="$seconds" -max_len=4096 -verbosity=0 \
    -artifact_prefix="$found/crash-$name-" \
    "$found/$name" "$here/seeds/$name" >"$found/$name.log" 2>&1 ||
    { tail -40 "$found/$name.log"; echo "fuzz-$name: has found something, or did not run"; exit 1; }
echo "fuzz-$name: ${seconds} s, nothing found"
