#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run each target for a bounded time with libFuzzer under ASan and UBSan; inputs that reach new code join the
# corpus, as long as it has room, and those that it no longer needs leave it.
# Usage: fuzz.sh BUILD SECONDS TARGET...      (make fuzz)
set -eu
build=$1
seconds=$2
shift 2
most=40 # files of a corpus
[ "$seconds" -gt 0 ] || { echo 'fuzz: FUZZ_SECONDS: 1 or more' >&2; exit 64; } # to libFuzzer 0 is for ever
failed=

# libFuzzer names what it finds by its hash; any other name was given by a person or by seeds.py, and stays.
named() {
	find "$corpus" -type f | grep -Ev '/[0-9a-f]{40}$'
}

# Beside the named inputs those of the corpus and of $found that together reach the rest, as many as there is room for: a corpus
# full of inputs that reach nothing any more heals. They are written in the order of how much each of them adds.
keep_new() {
	rm -rf "$kept"
	mkdir "$kept"
	named | while read -r file; do cp "$file" "$kept/"; done
	room=$((most - $(find "$kept" -type f | wc -l)))
	"$program" -set_cover_merge=1 -use_counters=0 -max_len=4096 -verbosity=0 "$kept" "$corpus" "$found"
	[ "$room" -ge 0 ] || room=0
	find "$kept" -type f -printf '%T@ %f\n' | grep -E ' [0-9a-f]{40}$' | sort -n | head -n "$room" | sed 's/.* //' > "$kept.names"
	find "$corpus" -type f | grep -E '/[0-9a-f]{40}$' | grep -vFf "$kept.names" | while read -r file; do rm "$file"; done
	while read -r name; do cp "$kept/$name" "$corpus/"; done < "$kept.names"
}

for target in "$@"; do
	program=$build/tests/fuzz/$target
	corpus=tests/fuzz/corpus/$target
	found=$build/$target.new
	kept=$build/$target.kept
	mkdir -p "$corpus" "$found"
	if "$program" -max_total_time="$seconds" -max_len=4096 -print_final_stats=0 -verbosity=0 \
		-artifact_prefix="$build/$target-" "$found" "$corpus"; then
		keep_new
		printf '%s: no finding in %s s, %s inputs in the corpus\n' "$target" "$seconds" "$(find "$corpus" -type f | wc -l)"
	else
		failed="$failed $target"
	fi
done
[ -z "$failed" ] || { printf 'findings:%s (inputs in %s)\n' "$failed" "$build"; exit 1; }
