#!/bin/sh
# SPDX-License-Identifier: MIT
# smoke.sh BUILD_DIR SECONDS - run each fuzz target of a clang build for SECONDS on its seeds.
# What it finds is kept in BUILD_DIR/test/fuzz/found/.
set -eu
build=$1
seconds=$2
here=$(cd "$(dirname "$0")" && pwd)
ninja -C "$build" fuzz
found=$build/test/fuzz/found
for name in http1 uri utf8 ws; do
    mkdir -p "$found/$name"
    "$build/test/fuzz/fuzz-$name" -max_total_time="$seconds" -max_len=4096 -verbosity=0 \
        -print_final_stats=0 -artifact_prefix="$found/$name/crash-" \
        "$found/$name" "$here/seeds/$name"
    echo "fuzz-$name: ${seconds} s, nothing found"
done
