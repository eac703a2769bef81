#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What libmuster promises to programs that are built already (client/libmuster.abi) against a library.
#   abi.sh check LIBRARY [BASELINE]   says what differs: symbols, types of arguments and results, public structs; exit 1 when anything does
#   abi.sh write LIBRARY BASELINE     declares a library's interface as the one that is promised
set -eu
cd "$(dirname "$0")/../.."
baseline=${3:-client/libmuster.abi}
headers=${HEADERS:-client/include} # what is defined elsewhere nobody sees
command -v abidiff >/dev/null || { echo 'abidiff is missing: install the package abigail-tools' >&2; exit 2; }
case $1 in
write)
	abidw --headers-dir "$headers" --drop-private-types --exported-interfaces-only --no-elf-needed --short-locs \
		--no-parameter-names --no-write-default-sizes --no-comp-dir-path --no-corpus-path --type-id-style hash "$2" > "$baseline"
	;;
check)
	abidiff --harmless --headers-dir2 "$headers" --drop-private-types --no-show-locs "$baseline" "$2" && exit 0
	echo "libmuster's interface is not the one in $baseline: 'make abi' declares it; a program that runs today must run with it" >&2
	exit 1
	;;
esac
