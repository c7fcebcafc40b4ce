#!/bin/sh
# SPDX-License-Identifier: MIT
# seeds.sh FOLDER FIRST LAST: runs the unit tests in FOLDER that use the simulated backend, once
# with each seed. Prints each test that fails, with its seed. Left out: programs whose subject
# is size, or a load that has seeds of its own.
set -u
cd "$1" || exit 1
failed=0
for program in callback-*_test datagram-*_test device-*_test dial-*_test file-*_test \
    flow-*_test frame-*_test http-*_test loop-*_test mesh-*_test process-*_test proto-*_test \
    sim-*_test stream-*_test sync-*_test task-*_test testing-*_test thread-*_test tls-*_test \
    torture/torture-*_test worker-*_test zlib-*_test story-*_test; do
    case $program in
    *large* | *cancel_test | *fork* | *pressure*) continue ;;
    esac
    [ -x "$program" ] || continue
    only=
    "./$program" --list | grep -q '\[sim\]$' && only='[sim]'
    seed=$2
    while [ "$seed" -le "$3" ]; do
        if ! WEIR_SEED=$seed WEIR_TEST_TIMEOUT_SCALE=5 "./$program" ${only:+"$only"} \
            >seeds.log 2>&1; then
            grep '^not ok' seeds.log | sed "s/^/WEIR_SEED=$seed $program: /"
            failed=$((failed + 1))
        fi
        seed=$((seed + 1))
    done
done
rm -f seeds.log
echo "seeds $2 to $3: $failed programs failed"
[ "$failed" -eq 0 ]
