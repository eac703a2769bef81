#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The RPM packages: rpm.sh FOLDER VERSION. The packages and build.log stay.
set -eu
out=$1
version=$2
name=muster-$version

rm -rf "$out"
mkdir -p "$out/SOURCES"
sh packaging/source.sh "$out/$name"
sed "s/^Version: .*/Version: $version/" "$out/$name/packaging/rpm/muster.spec" > "$out/muster.spec"
tar -C "$out" --sort=name --owner=0 --group=0 --numeric-owner -czf "$out/SOURCES/$name.tar.gz" "$name"
rm -rf "${out:?}/$name"

# Where packages are Debian's, RPM knows of none that is installed.
nodeps=
if command -v dpkg >/dev/null; then nodeps=--nodeps; fi
# What this make was told is not for the one in the package.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL O VERSION PREFIX DESTDIR V CFLAGS CPPFLAGS LDFLAGS
if ! rpmbuild -bb $nodeps --define "_topdir $out" --define "_rpmdir $out" --define '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' \
	"$out/muster.spec" > "$out/build.log" 2>&1; then
	tail -n 40 "$out/build.log" >&2
	exit 1
fi
rm -rf "$out/SOURCES" "$out/BUILD" "$out/BUILDROOT" "$out/SPECS" "$out/SRPMS" "$out/RPMS"
ls "$out"/*.rpm
