#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copy the sources as they lie here into a new folder: source.sh FOLDER. Which these are, git knows; in an unpacked tarball it is
# all but what was built.
set -eu
to=$1
list=$(mktemp)
trap 'rm -f "$list"' EXIT
if [ -e .git ]; then
	git ls-files >"$list"
else
	find . \( -path ./build -o -path ./debian -o -name __pycache__ -o -name .pytest_cache \) -prune -o -type f -print >"$list"
fi
mkdir -p "$to"
tar -c --files-from="$list" | tar -x -C "$to"
