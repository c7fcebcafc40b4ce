#!/bin/sh
# SPDX-License-Identifier: MIT
# ldconfig.sh LIBDIR: after an installation without DESTDIR, tell the dynamic linker of the new
# library, where LIBDIR is a folder that it searches and we may. Meson passes it by with DESTDIR.
set -eu
PATH=$PATH:/usr/sbin:/sbin
libdir=$MESON_INSTALL_PREFIX/$1
command -v ldconfig >/dev/null || exit 0 # musl has none, and needs none
[ -w /etc/ld.so.cache ] || exit 0
# Its list of folders: `/usr/local/lib: (from /etc/ld.so.conf.d/libc.conf:2)`. /usr/lib may stand
# there as /lib.
if ldconfig -v -N -X 2>/dev/null | grep -qE "^(/usr)?${libdir#/usr}:"; then
    ldconfig
fi
