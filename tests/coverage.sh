#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# coverage.sh BUILD: tell what the tests have reached in a build with COVERAGE=1; fail when it is too little.
set -eu
build=$1
tell() {
	what=$1 least=$2
	shift 2
	echo
	echo "== $what: branches at least $least %"
	# gcov tells of counters below 0 when two processes end at once; those lines are passed over.
	gcovr --root . --gcov-ignore-parse-errors --exclude-unreachable-branches --exclude-throw-branches --sort-percentage \
		--fail-under-branch "$least" --branches "$@" "$build"
}
bad=0
tell protocol 95 --filter 'protocol/' || bad=1
tell 'all of it' 85 --filter 'protocol/' --filter 'client/' --filter 'server/' || bad=1
exit $bad
