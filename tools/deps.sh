#!/bin/sh
# SPDX-License-Identifier: MIT
# deps.sh run|test|check|foreign|bench|conformance|all: what `make run`, `make test`,
# `make check-*`, `make check-foreign`, `make bench` or `make conformance` need from Debian's
# packages. On a terminal it asks once; without one it installs and says what.
# NO_INSTALL=1: it only names what is missing.
set -eu

run="gcc libc6-dev pkg-config meson ninja-build python3 liburing-dev libyaml-dev libedit-dev
  zlib1g-dev libssl-dev"
# Assertions; interop; a C++ user; man pages; readelf and nm; stacks under valgrind.
test="libcmocka-dev openssl python3-websockets g++ mandoc binutils valgrind"
# Sanitizers and fuzzing (clang, with names in their reports: llvm; another parser of HTTP: llhttp);
# aarch64, built and run.
check="clang libclang-rt-14-dev llvm node-llhttp gcc-aarch64-linux-gnu libc6-dev-arm64-cross
  qemu-user"

# Libraries, servers and a browser that some examples use; without them `make test` skips these.
foreign="libglib2.0-dev libuv1-dev libpq-dev postgresql libsqlite3-dev chromium"

# The peers that the benchmarks measure beside weir, and the load on HTTP servers.
bench="libuv1-dev golang-go libboost-dev g++ libwebsockets-dev nginx-light nodejs wrk"

# The peers that the conformance suites try beside weir. npm gets one more, if it is there.
conformance="python3-aiohttp nodejs nginx-light curl"

case "${1-}" in
run) wanted=$run ;;
test) wanted="$run $test" ;;
check) wanted="$run $test $check" ;;
foreign) wanted="$run $test $foreign" ;;
bench) wanted="$run $bench" ;;
conformance) wanted="$run $test $conformance" ;;
all) wanted="$run $test $check $foreign $bench $conformance" ;;
*) echo "usage: deps.sh run|test|check|foreign|bench|conformance|all" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null; then
    echo "This is no Debian; needed here is what its packages hold:" $wanted >&2
    exit 0
fi

missing() {
    present=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $wanted 2>/dev/null |
        sed -n 's/ installed$//p') || true
    present=" $(echo $present) "
    for package in $wanted; do
        case "$present" in
        *" $package "*) ;;
        *) echo "$package" ;;
        esac
    done
}

needed=$(echo $(missing))
[ -n "$needed" ] || exit 0

if [ "${NO_INSTALL:-0}" = 1 ]; then
    echo "missing: $needed" >&2
    echo "install with: apt-get install -y --no-install-recommends $needed" >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    as_root=env
elif sudo -n true 2>/dev/null; then
    as_root="sudo -n env"
else
    why="sudo asks for a password"
    command -v sudo >/dev/null || why="there is no sudo"
    echo "missing: $needed" >&2
    echo "not root, and $why: install them first, as root:" >&2
    echo "  apt-get install -y --no-install-recommends $needed" >&2
    exit 1
fi
if [ -t 0 ] && [ -t 1 ]; then
    printf 'To install by apt-get: %s\nGo on? [Y/n] ' "$needed"
    read -r answer || answer=n # the end of the input: nobody said yes
    case "$answer" in
    [nN]*) echo "nothing was installed" >&2; exit 1 ;;
    esac
else
    echo "installing by apt-get: $needed"
fi

apt() {
    $as_root DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" || {
        code=$?
        echo "apt-get $1 failed (exit code $code); still missing: $needed" >&2
        exit $code
    }
}
apt update
apt install -y --no-install-recommends $needed
