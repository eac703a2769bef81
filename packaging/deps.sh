#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the build and the tests need beyond a bare Debian 12, in one table: a check, and the package that satisfies it.
#   deps.sh check build     print what is missing and how to get it; exit 2 when something is
#   deps.sh install test    install it (root, or sudo for apt-get alone); MUSTER_NO_INSTALL=1 refuses
# Groups: build (make), test (make test, make run), fuzz (make fuzz), coverage (make coverage), peers (make bench-peers), plot (make bench-scale), count (make bench-instructions), pid1 (make pid1), power (make powercut), deb (make deb, make packages), rpm (make rpm, make packages), image (make packages); all include build.
set -eu

# group check package; a check is pc:MODULE, cmd:PROGRAM, file:PATH or py:MODULE
table='
build cmd:gcc gcc
build cmd:ld binutils
build cmd:pkg-config pkg-config
build file:/usr/include/stdio.h libc6-dev
build cmd:protoc protobuf-compiler
build cmd:nanopb_generator.py nanopb
build file:/usr/include/pb.h libnanopb-dev
build pc:libuv libuv1-dev
build pc:sqlite3 libsqlite3-dev
build pc:libsodium libsodium-dev
build pc:libmicrohttpd libmicrohttpd-dev
build pc:jansson libjansson-dev
build pc:inih libinih-dev
build pc:libcares libc-ares-dev
build pc:ldns libldns-dev
build pc:libsystemd libsystemd-dev
build pc:libcurl libcurl4-openssl-dev
build pc:smartcols libsmartcols-dev
build cmd:scdoc scdoc
test pc:libqrencode libqrencode-dev
test cmd:zbarimg zbar-tools
test cmd:g++ g++
test pc:cmocka libcmocka-dev
test file:/usr/bin/python3 python3
test py:pytest python3-pytest
test py:dissononce python3-dissononce
test py:nacl python3-nacl
test py:google.protobuf python3-protobuf
test py:jsonschema python3-jsonschema
test py:setuptools python3-setuptools
test py:wheel python3-wheel
test py:ensurepip python3-venv
test cmd:mypy mypy
test cmd:node nodejs
test cmd:dnsmasq dnsmasq-base
test cmd:named bind9
test cmd:named-checkzone bind9-utils
test cmd:dig bind9-dnsutils
test cmd:curl curl
test cmd:ip iproute2
test cmd:jq jq
test cmd:sqlite3 sqlite3
test cmd:promtool prometheus
test cmd:faketime faketime
test cmd:setpriv util-linux
test cmd:bash bash
test cmd:zsh zsh
test cmd:fish fish
test cmd:mandoc mandoc
test cmd:groff groff-base
test cmd:journalctl systemd
test cmd:strace strace
test cmd:abidiff abigail-tools
test cmd:ansible-playbook ansible-core
test py:yaml python3-yaml
count cmd:valgrind valgrind
plot cmd:gnuplot gnuplot-nox
peers cmd:wrk wrk
peers cmd:kea-dhcp4 kea-dhcp4-server
peers file:/usr/lib/postgresql/15/bin/pgbench postgresql-15
peers py:fastapi python3-fastapi
peers py:uvicorn python3-uvicorn
peers py:nacl python3-nacl
coverage cmd:gcovr gcovr
pid1 cmd:mmdebstrap mmdebstrap
pid1 cmd:systemd-nspawn systemd-container
pid1 cmd:ip iproute2
pid1 cmd:faketime faketime
deb cmd:dh debhelper
deb pc:libqrencode libqrencode-dev
deb cmd:dpkg-buildpackage dpkg-dev
deb cmd:g++ g++
deb cmd:lintian lintian
deb cmd:blhc blhc
deb cmd:mmdebstrap mmdebstrap
deb cmd:systemd-nspawn systemd-container
deb cmd:dnsmasq dnsmasq-base
deb cmd:ip iproute2
deb file:/usr/bin/python3 python3
deb py:pytest python3-pytest
deb py:dissononce python3-dissononce
deb py:nacl python3-nacl
deb py:google.protobuf python3-protobuf
rpm cmd:rpmbuild rpm
rpm cmd:rpm2cpio rpm2cpio
rpm cmd:cpio cpio
rpm pc:libqrencode libqrencode-dev
image cmd:podman podman
image cmd:crun crun
image cmd:iptables iptables
image file:/usr/lib/podman/netavark netavark
power cmd:qemu-storage-daemon qemu-system-common
power cmd:mkfs.ext4 e2fsprogs
power cmd:fusermount3 fuse3
fuzz cmd:clang clang
fuzz file:/usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.fuzzer-x86_64.a libclang-rt-14-dev
'

have() {
	case $1 in
	pc:*) pkg-config --exists "${1#pc:}" 2>/dev/null ;;
	cmd:*) PATH=$PATH:/usr/sbin:/sbin command -v "${1#cmd:}" >/dev/null 2>&1 ;;
	file:*) [ -e "${1#file:}" ] ;;
	py:*) /usr/bin/python3 -c "import ${1#py:}" >/dev/null 2>&1 ;;
	esac
}

find_missing() {
	missing=
	while read -r group check package; do
		[ -n "$group" ] || continue
		[ "$group" = build ] || [ "$group" = "$wanted" ] || continue
		have "$check" || missing="$missing $package"
	done <<-END
	$table
	END
}

say() {
	printf 'muster: %s\n' "$*" >&2
}

give_up() {
	say "missing:$missing"
	say "as root, run:  apt-get install --no-install-recommends$missing"
	exit 2
}

apt() {
	$sudo env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}

# The lock of the package lists is not covered by DPkg::Lock::Timeout, so wait for it here.
update() {
	tries=0
	while ! output=$(apt update 2>&1); do
		case $output in
		*'Could not get lock'*) ;;
		*) printf '%s\n' "$output" >&2; return 1 ;;
		esac
		tries=$((tries + 1))
		[ "$tries" -le 60 ] || return 1
		sleep 5
	done
}

mode=$1
wanted=$2
find_missing
[ -n "$missing" ] || exit 0
if [ "$mode" = check ] || [ -n "${MUSTER_NO_INSTALL-}" ] || ! command -v apt-get >/dev/null 2>&1; then
	give_up
fi
if [ "$(id -u)" -eq 0 ]; then
	sudo=
elif command -v sudo >/dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
	sudo=sudo
else
	give_up
fi
say "installing:$missing"
# shellcheck disable=SC2086 # a list of packages
apt install -y --no-install-recommends $missing >/dev/null 2>&1 ||
	{ update && apt install -y --no-install-recommends $missing; }
find_missing
[ -z "$missing" ] || { say "still missing after the installation:$missing"; exit 2; }
