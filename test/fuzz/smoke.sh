#!/bin/sh
# SPDX-License-Identifier: MIT
# smoke.sh BUILD_DIR SECONDS - run each fuzz target of a clang build for SECONDS on its seeds.
# Inputs that reach new code and inputs that crash are kept in BUILD_DIR/test/fuzz/found/.
set -eu
build=$1
seconds=$2
here=$(cd "$(dirname "$0")" && pwd)
ninja -C "$build" fuzz
found=$build/test/fuzz/found
for name in deflate http1 http_client http_ends http_server http_values llhttp react tls uri utf8 \
        ws ws_client; do
    [ -x "$build/test/fuzz/fuzz-$name" ] || {
        echo "fuzz-$name: not built here (llhttp wants the package node-llhttp)"
        continue
    }
    mkdir -p "$found/$name"
    "$build/test/fuzz/fuzz-$name" -max_total_time="$seconds" -max_len=4096 -verbosity=0 \
        -artifact_prefix="$found/crash-$name-" \
        "$found/$name" "$here/seeds/$name" >"$found/$name.log" 2>&1 ||
        { tail -40 "$found/$name.log"; exit 1; }
    echo "fuzz-$name: ${seconds} s, nothing found"
done
