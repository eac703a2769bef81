#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fuzz each target for a bounded time with libFuzzer under ASan and UBSan; inputs that reach new code join the corpus.
# Usage: fuzz.sh BUILD SECONDS TARGET...      (make fuzz)
set -eu
build=$1
seconds=$2
shift 2
out=$build/fuzz
mkdir -p "$out"
failed=
for target in "$@"; do
	corpus=tests/fuzz/corpus/$target
	found=$out/$target.new
	mkdir -p "$corpus" "$found"
	# shellcheck disable=SC2046 # flags are words
	"${CLANG:-clang}" -g -O1 -std=c11 -D_GNU_SOURCE -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		-DMUSTER_VERSION='"fuzz"' -Iprotocol -Iclient -Iclient/include -Iserver/admin -Iserver/backup -Iserver/broker -Iserver/store \
		-Iserver/domain -Iserver/dns -Iserver/base -I"$build/gen" "tests/fuzz/$target.c" protocol/*.c client/*.c \
		server/domain/*.c server/base/*.c server/store/*.c server/broker/*.c server/backup/archive.c \
		server/admin/change_read.c server/dns/name.c server/dns/tsig_key.c "$build/gen/muster.pb.c" -o "$out/$target" -lprotobuf-nanopb \
		$(pkg-config --libs libsodium jansson libcares sqlite3) -lpthread
	if "$out/$target" -max_total_time="$seconds" -max_len=4096 -print_final_stats=0 -verbosity=0 \
		-artifact_prefix="$out/$target-" "$found" "$corpus"; then
		"$out/$target" -merge=1 -use_counters=0 -max_len=4096 -verbosity=0 "$corpus" "$found"
		printf '%s: no finding in %s s, %s inputs kept\n' "$target" "$seconds" "$(find "$corpus" -type f | wc -l)"
	else
		failed="$failed $target"
	fi
done
[ -z "$failed" ] || { printf 'findings:%s (inputs in %s)\n' "$failed" "$out"; exit 1; }
