#!/bin/sh
# SPDX-License-Identifier: MIT
# src/cli/build-stamp.sh: "commit: COMMIT, built: TIME" for `matchlock version`.  TIME is
# SOURCE_DATE_EPOCH or the commit's own time, never the clock's: two builds of one commit are equal.
cd "$(dirname "$0")" || exit 1
commit=$(git rev-parse --short=12 HEAD 2>/dev/null) || commit=unknown
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null)}
time=$([ -n "$epoch" ] && date -u -d "@$epoch" +%Y-%m-%dT%H:%M:%SZ) || time=unknown
echo "commit: $commit, built: $time"
