#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run each target for a bounded time with libFuzzer under ASan and UBSan; the smallest inputs that reach new code join the
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
is_found() {
	[ ${#1} -eq 40 ] && [ -z "$(printf %s "$1" | tr -d 0-9a-f)" ]
}

# The fewest inputs of the corpus and of $found that reach everything: found files that are not among them go, so that a corpus
# full of inputs that reach nothing any more heals; the smallest that are new fill the room.
keep_new() {
	rm -rf "$kept"
	mkdir "$kept"
	"$program" -set_cover_merge=1 -use_counters=0 -max_len=4096 -verbosity=0 "$kept" "$corpus" "$found"
	find "$corpus" -type f -printf '%f\n' | while read -r name; do
		if is_found "$name" && [ ! -e "$kept/$name" ]; then
			rm "$corpus/$name"
		elif ! is_found "$name"; then
			rm -f "$kept/$(sha1sum "$corpus/$name" | cut -d' ' -f1)" # it is there already
		fi
	done
	find "$kept" -type f -printf '%s %f\n' | sort -n | while read -r _ name; do
		if [ ! -e "$corpus/$name" ] && [ "$(find "$corpus" -type f | wc -l)" -lt $most ]; then
			cp "$kept/$name" "$corpus/"
		fi
	done
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
