/* SPDX-License-Identifier: Apache-2.0 */
/* What the tables of rows compare a verdict by. */
#ifndef TESTS_JUDGE_H
#define TESTS_JUDGE_H

#include "fixture.h"

#include "facts.h"

#define ABSENT (-1) /* must be "not meant", or 0 for a time */

static inline bool same(const char *what, int64_t wanted, int64_t got)
{
	if (wanted == got)
		return true;
	print_error("  %s: wanted %lld, got %lld\n", what, (long long)wanted, (long long)got);
	return false;
}

/* Looked at only when something is wanted; ABSENT stands for what "nothing" is there. */
static inline bool maybe(const char *what, int64_t wanted, int64_t got, int64_t nothing)
{
	return wanted == 0 || same(what, wanted == ABSENT ? nothing : wanted, got);
}

static inline bool has_notice(const struct verdict *v, int code)
{
	for (int i = 0; i < LIMIT_NOTICES; i++)
		if (v->notices[i] == code)
			return true;
	return false;
}

/* notice: 0 is not looked at, ABSENT none at all. */
static inline bool matches_notice(int notice, const struct verdict *v)
{
	if (notice == 0)
		return true;
	return notice == ABSENT ? same("notice", 0, v->notices[0])
				: same("has notice", 1, has_notice(v, notice));
}

#endif
