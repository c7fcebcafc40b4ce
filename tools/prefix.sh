#!/bin/sh
# SPDX-License-Identifier: MIT
# prefix.sh BUILD PREFIX: have the build folder BUILD install into PREFIX. Meson remembers the
# prefix it was set up with; one that is the same already is left alone.
set -eu
now=$(meson introspect --buildoptions "$1" | python3 -c '
import json, sys
print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
[ "$now" = "$2" ] || meson setup --reconfigure "$1" -Dprefix="$2"
