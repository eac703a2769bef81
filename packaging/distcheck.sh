#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What is in a tarball builds, passes its unit tests, and installs and uninstalls without a trace: distcheck.sh TARBALL FOLDER [-jN]
set -eu
tarball=$1
folder=$2
jobs=${3-}
rm -rf "$folder"
mkdir -p "$folder"
tar -xz -C "$folder" --strip-components=1 -f "$tarball"
root=$folder/build/root

# The make that runs this says how many jobs at once; all else is the tarball's own.
unset O VERSION PREFIX DESTDIR MAKEOVERRIDES
MAKEFLAGS=$(printf '%s\n' "${MAKEFLAGS-}" | sed 's/ -- .*//')
export MAKEFLAGS
# shellcheck disable=SC2086 # nothing, or one word
make $jobs -C "$folder" all unit
make -C "$folder" install DESTDIR="$root" PREFIX=/usr >/dev/null
[ -x "$root/usr/sbin/musterd" ]
make -C "$folder" uninstall DESTDIR="$root" PREFIX=/usr >/dev/null
left=$(find "$root" ! -type d -o -name '*muster*' | sed "s|^$root||")
if [ -n "$left" ]; then
	printf 'muster: not uninstalled:\n%s\n' "$left" >&2
	exit 1
fi
rm -rf "$folder"
echo "$tarball is good"
