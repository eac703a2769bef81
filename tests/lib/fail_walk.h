/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk on which one call after the other fails, for the test programs that fail.c is linked into. cmocka.h
 * comes before it. One thread.
 */
#ifndef TESTS_FAIL_WALK_H
#define TESTS_FAIL_WALK_H

#include "fail.h"

#define UNDER_FAULT(statement)                                                                               \
	do {                                                                                                 \
		fail_on();                                                                                   \
		statement;                                                                                   \
		fail_off();                                                                                  \
	} while (0)

/* What fails, and how. */
struct failing {
	enum fail_kind kind;
	bool for_good;
	int error; /* errno of a disk's call */
};

/* Walk with the fault at this call; no memory may be lost on it. Returns whether there was such a call. */
static inline bool fail_during(const struct failing *f, long at, void (*walk)(void))
{
	long blocks = fail_blocks();
	fail_order(f->kind, at, f->for_good, f->error);
	walk();
	bool met = fail->failures > 0;
	fail_order(FAIL_NOTHING, 0, false, 0);
	if (fail_blocks() != blocks)
		print_error("call %ld: %ld blocks were lost\n", at, fail_blocks() - blocks);
	assert_int_equal(fail_blocks(), blocks);
	return met;
}

static long fail_last; /* call that was looked at */

/* A round for each call, or every so many, until one says that there was none: more than `least` calls, fewer
 * than `most`. */
static inline void fail_everywhere(const struct failing *f, bool (*round)(const struct failing *, long at),
				   long stride, long least, long most)
{
	long at = fail_first();
	for (; at < most && (fail_last = at, round(f, at)); at += stride)
		;
	fail_last = 0;
	print_message("%ld calls, each %ldth\n", at, stride);
	assert_true(at > least && at < most);
}

/* A test's teardown: how to see it again. */
static inline int fail_say(void **unused)
{
	(void)unused;
	fail_off();
	if (fail_last)
		print_error("FAULT_FIRST=%ld\n", fail_last);
	fail_last = 0;
	return 0;
}

#endif
