#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The Debian packages: deb.sh FOLDER VERSION. They are built from a copy of the sources; the packages and build.log stay.
set -eu
out=$1
version=$2
tree=$out/muster-$version

rm -rf "$out"
sh packaging/source.sh "$tree"
cp -r "$tree/packaging/debian" "$tree/debian"
sed -i "1s/(.*)/($version)/" "$tree/debian/changelog"

# What this make was told is not for the one in the package.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL O VERSION PREFIX DESTDIR V CFLAGS CPPFLAGS LDFLAGS
cd "$tree"
if ! dpkg-buildpackage --build=binary --unsigned-changes --unsigned-buildinfo >"$out/build.log" 2>&1; then
	tail -n 40 "$out/build.log" >&2
	exit 1
fi
rm -rf "$tree"
ls "$out"/*.deb
