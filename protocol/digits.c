/* SPDX-License-Identifier: Apache-2.0 */
#include "digits.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "error.h"

#define DATA (DIGITS_GROUP - 1)
#define BASE 100000u
#define NUMBER_MAX 20

/* The totally anti-symmetric quasigroup of order 10 that H. M. Damm gives in his thesis (2004). */
static const uint8_t damm[10][10] = {
	{0, 3, 1, 7, 5, 9, 8, 6, 4, 2}, {7, 0, 9, 2, 1, 5, 4, 8, 6, 3}, {4, 2, 0, 6, 8, 7, 1, 3, 5, 9},
	{1, 7, 5, 0, 9, 8, 3, 4, 2, 6}, {6, 1, 2, 3, 0, 4, 5, 9, 7, 8}, {3, 6, 7, 4, 2, 0, 9, 5, 8, 1},
	{5, 8, 6, 9, 7, 2, 0, 1, 3, 4}, {8, 9, 4, 5, 3, 6, 2, 0, 1, 7}, {9, 4, 3, 8, 6, 1, 7, 2, 0, 5},
	{2, 5, 8, 1, 4, 3, 6, 7, 9, 0},
};

static unsigned run(const char *digits, size_t n, unsigned number)
{
	unsigned state = number % 10;
	for (size_t i = 0; i < n; i++)
		state = damm[state][digits[i] - '0'];
	return state;
}

bool digits_right(const char group[DIGITS_GROUP], unsigned number)
{
	return run(group, DIGITS_GROUP, number) == 0;
}

/* Every row of the table has its 0 in the diagonal: the check digit is the state itself. */
static char check_digit(const char *data, unsigned number)
{
	return (char)('0' + run(data, DATA, number));
}

/* --- numbers --- */

/* Divide by BASE; returns the rest. */
static unsigned divide(uint8_t *number, size_t n)
{
	uint32_t rest = 0;
	for (size_t i = 0; i < n; i++) {
		rest = rest << 8 | number[i];
		number[i] = (uint8_t)(rest / BASE);
		rest %= BASE;
	}
	return rest;
}

void digits_write(const uint8_t *number, size_t n, size_t groups, char out[DIGITS_TEXT])
{
	uint8_t left[NUMBER_MAX];
	memcpy(left, number, n);
	for (size_t i = groups; i > 0; i--) {
		char data[DATA + 1];
		char *at = out + (i - 1) * (DIGITS_GROUP + 1);
		snprintf(data, sizeof(data), "%05u", divide(left, n) % BASE);
		memcpy(at, data, DATA);
		at[DATA] = check_digit(data, (unsigned)i);
		at[DIGITS_GROUP] = i == groups ? 0 : '-';
	}
}

/* number = number * BASE + more; false: it does not fit. */
static bool multiply(uint8_t *number, size_t n, uint32_t more)
{
	for (size_t i = n; i > 0; i--) {
		uint32_t value = number[i - 1] * BASE + more;
		number[i - 1] = (uint8_t)value;
		more = value >> 8;
	}
	return more == 0;
}

bool digits_number(const char *bare, size_t groups, uint8_t *out, size_t n)
{
	memset(out, 0, n);
	for (size_t i = 0; i < groups; i++) {
		uint32_t value = 0;
		for (size_t j = 0; j < DATA; j++)
			value = value * 10 + (uint32_t)(bare[i * DIGITS_GROUP + j] - '0');
		if (!multiply(out, n, value))
			return false;
	}
	return true;
}

/* --- what was typed --- */

static void add(struct digits_report *r, enum digits_trouble trouble, unsigned group, unsigned digit,
		unsigned other)
{
	if (r->n < DIGITS_GROUPS)
		r->faults[r->n++] = (struct digits_fault){trouble, group, digit, other};
}

/* What stands between the digits: blanks and marks of ASCII, and dashes and blanks of other kinds. */
static bool is_between(unsigned char c)
{
	return c >= 0x80 || strchr(" \t\r\n-.,;:/_()", c) != NULL;
}

struct typed {
	char *bare; /* as far as there is room */
	size_t n;
	size_t lengths[DIGITS_GROUPS]; /* of the runs of digits */
	size_t runs;
};

static bool take(const char *text, size_t room, struct typed *t, struct digits_report *ret)
{
	size_t run_n = 0;
	for (size_t i = 0;; i++) {
		char c = text[i];
		if (c >= '0' && c <= '9') {
			if (t->n < room)
				t->bare[t->n] = c;
			t->n++;
			run_n++;
			continue;
		}
		if (c && !is_between((unsigned char)c)) {
			add(ret, DIGITS_ALIEN, 0, (unsigned)i + 1, (unsigned char)c);
			return false;
		}
		if (run_n && t->runs < DIGITS_GROUPS)
			t->lengths[t->runs] = run_n;
		t->runs += run_n != 0;
		run_n = 0;
		if (!c)
			return true;
	}
}

/* Too few or too many; where the groups were typed apart, which of them. */
static void tell_count(const struct typed *t, size_t groups, struct digits_report *ret)
{
	if (t->runs == groups)
		for (size_t i = 0; i < groups; i++)
			if (t->lengths[i] != DIGITS_GROUP)
				add(ret, DIGITS_LENGTH, (unsigned)i + 1, 0, (unsigned)t->lengths[i]);
	if (ret->n == 0)
		add(ret, DIGITS_COUNT, 0, 0, (unsigned)t->n);
}

/* --- wrong groups --- */

static const char *group_at(const char *bare, unsigned number)
{
	return bare + (number - 1) * DIGITS_GROUP;
}

struct places {
	const char *bare;
	unsigned groups;
	bool wrong[DIGITS_GROUPS + 1];
	unsigned home[DIGITS_GROUPS + 1]; /* where what stands there belongs; 0: not known */
	bool taken[DIGITS_GROUPS + 1];
};

static void find_repeats(struct places *p, struct digits_report *ret)
{
	for (unsigned i = 2; i <= p->groups; i++) {
		if (!p->wrong[i] || p->wrong[i - 1] ||
		    memcmp(group_at(p->bare, i), group_at(p->bare, i - 1), DIGITS_GROUP) != 0)
			continue;
		add(ret, DIGITS_REPEATED, i, 0, i - 1);
		p->wrong[i] = false;
	}
}

static void find_swaps(struct places *p, struct digits_report *ret)
{
	for (unsigned i = 1; i <= p->groups; i++) {
		for (unsigned j = i + 1; j <= p->groups && p->wrong[i]; j++) {
			if (!p->wrong[j] || !digits_right(group_at(p->bare, i), j) ||
			    !digits_right(group_at(p->bare, j), i))
				continue;
			add(ret, DIGITS_SWAPPED, i, 0, j);
			p->wrong[i] = p->wrong[j] = false;
		}
	}
}

/* Give each wrong group from `at` on another wrong place in which it is right. */
static bool settle(struct places *p, unsigned at)
{
	while (at <= p->groups && !p->wrong[at])
		at++;
	if (at > p->groups)
		return true;
	for (unsigned j = 1; j <= p->groups; j++) {
		if (j == at || !p->wrong[j] || p->taken[j] || !digits_right(group_at(p->bare, at), j))
			continue;
		p->taken[j] = true;
		p->home[at] = j;
		if (settle(p, at + 1))
			return true;
		p->taken[j] = false;
		p->home[at] = 0;
	}
	return false;
}

static void tell_groups(const char *bare, size_t groups, struct digits_report *ret)
{
	struct places p = {.bare = bare, .groups = (unsigned)groups};
	for (unsigned i = 1; i <= p.groups; i++)
		p.wrong[i] = !digits_right(group_at(bare, i), i);
	find_repeats(&p, ret);
	find_swaps(&p, ret);
	bool moved = settle(&p, 1);
	for (unsigned i = 1; i <= p.groups; i++) {
		if (!p.wrong[i])
			continue;
		if (moved)
			add(ret, DIGITS_MOVED, i, 0, p.home[i]);
		else
			add(ret, DIGITS_MISTYPED, i, 0, 0);
	}
}

int digits_read(const char *typed, size_t groups, char bare[DIGITS_BARE], struct digits_report *ret)
{
	struct typed t = {.bare = bare};
	*ret = (struct digits_report){.n = 0};
	memset(bare, 0, DIGITS_BARE);
	if (!take(typed, DIGITS_GROUP * groups, &t, ret))
		return E_DIGITS_WRONG;
	if (t.n != DIGITS_GROUP * groups)
		tell_count(&t, groups, ret);
	else
		tell_groups(bare, groups, ret);
	return ret->n ? E_DIGITS_WRONG : 0;
}

/* --- finding the digit --- */

/* What a group may have been: one digit changed, or two neighbours. */
struct guess {
	char group[DIGITS_GROUP];
	struct digits_fault fault;
};
#define GUESSES (DIGITS_GROUP + DIGITS_GROUP - 1)

static size_t list_guesses(const char *group, unsigned number, struct guess out[GUESSES])
{
	size_t n = 0;
	for (unsigned i = 0; i < DIGITS_GROUP; i++) {
		for (char digit = '0'; digit <= '9'; digit++) {
			struct guess g = {.fault = {DIGITS_MISTYPED, number, i + 1, (unsigned)(digit - '0')}};
			memcpy(g.group, group, DIGITS_GROUP);
			g.group[i] = digit;
			if (digit != group[i] && digits_right(g.group, number) && n < GUESSES)
				out[n++] = g;
		}
	}
	for (unsigned i = 0; i + 1 < DIGITS_GROUP; i++) {
		struct guess g = {.fault = {DIGITS_CROSSED, number, i + 1, 0}};
		memcpy(g.group, group, DIGITS_GROUP);
		g.group[i] = group[i + 1];
		g.group[i + 1] = group[i];
		if (group[i] != group[i + 1] && digits_right(g.group, number) && n < GUESSES)
			out[n++] = g;
	}
	return n;
}

struct mending {
	char *bare;
	bool (*right)(const char *bare, void *context);
	void *context;
	unsigned wrong[2];
	size_t n;
	struct digits_report found;
};

static char *place(const struct mending *m, unsigned number)
{
	return m->bare + (number - 1) * DIGITS_GROUP;
}

/* Try every guess of the wrong groups from `at` on. */
static bool mend_from(struct mending *m, size_t at)
{
	struct guess guesses[GUESSES];
	char was[DIGITS_GROUP];
	if (at == m->n)
		return m->right(m->bare, m->context);
	char *group = place(m, m->wrong[at]);
	size_t n = list_guesses(group, m->wrong[at], guesses);
	memcpy(was, group, DIGITS_GROUP);
	for (size_t i = 0; i < n; i++) {
		memcpy(group, guesses[i].group, DIGITS_GROUP);
		m->found.faults[at] = guesses[i].fault;
		if (mend_from(m, at + 1))
			return true;
	}
	memcpy(group, was, DIGITS_GROUP);
	return false;
}

static bool mend_places(struct mending *m, size_t groups, const struct digits_report *told)
{
	char moved[DIGITS_BARE];
	memcpy(moved, m->bare, DIGITS_BARE);
	for (size_t i = 0; i < told->n; i++) {
		const struct digits_fault *f = &told->faults[i];
		if (f->trouble != DIGITS_SWAPPED && f->trouble != DIGITS_MOVED)
			return false;
		memcpy(moved + (f->other - 1) * DIGITS_GROUP, place(m, f->group), DIGITS_GROUP);
		if (f->trouble == DIGITS_SWAPPED)
			memcpy(moved + (f->group - 1) * DIGITS_GROUP, place(m, f->other), DIGITS_GROUP);
	}
	if (told->n == 0 || !m->right(moved, m->context))
		return false;
	memcpy(m->bare, moved, DIGITS_GROUP * groups);
	return true;
}

bool digits_mend(char bare[DIGITS_BARE], size_t groups, bool (*right)(const char *bare, void *context),
		 void *context, struct digits_report *ret)
{
	struct mending m = {.bare = bare, .right = right, .context = context};
	if (mend_places(&m, groups, ret))
		return true;
	for (unsigned i = 1; i <= groups; i++) {
		if (digits_right(group_at(bare, i), i))
			continue;
		if (m.n == 2)
			return false;
		m.wrong[m.n++] = i;
	}
	m.found.n = m.n;
	if (m.n == 0 || !mend_from(&m, 0))
		return false;
	*ret = m.found;
	return true;
}

/* --- for people --- */

static void say(char *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(char *out, const char *format, ...)
{
	size_t n = strlen(out);
	va_list args;
	va_start(args, format);
	if (n)
		n += (size_t)snprintf(out + n, DIGITS_WORDS - n, "; ");
	if (n < DIGITS_WORDS)
		vsnprintf(out + n, DIGITS_WORDS - n, format, args);
	va_end(args);
}

const char *digits_explain(const struct digits_report *r, char out[DIGITS_WORDS])
{
	out[0] = 0;
	for (size_t i = 0; i < r->n; i++) {
		const struct digits_fault *f = &r->faults[i];
		switch (f->trouble) {
		case DIGITS_ALIEN:
			say(out, "character %u is no digit", f->digit);
			break;
		case DIGITS_COUNT:
			say(out, "%u digits were typed", f->other);
			break;
		case DIGITS_LENGTH:
			say(out, "group %u has %u digits in place of %d", f->group, f->other, DIGITS_GROUP);
			break;
		case DIGITS_MISTYPED:
			if (f->digit)
				say(out, "group %u: digit %u should be %u", f->group, f->digit, f->other);
			else
				say(out, "group %u is mistyped", f->group);
			break;
		case DIGITS_CROSSED:
			say(out, "group %u: digits %u and %u are swapped", f->group, f->digit, f->digit + 1);
			break;
		case DIGITS_SWAPPED:
			say(out, "groups %u and %u are swapped", f->group, f->other);
			break;
		case DIGITS_MOVED:
			say(out, "what stands in group %u belongs into group %u", f->group, f->other);
			break;
		case DIGITS_REPEATED:
			say(out, "group %u is group %u once more", f->group, f->other);
			break;
		}
	}
	return out;
}
