/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"

#include <stddef.h>

#define DAY 86400
#define BEHIND_MAX DAY          /* the clock may be this far behind the mark */
#define AHEAD_MAX (400LL * DAY) /* and this far ahead of it */
#define RETRY_MINUTES 120
#define BACKOFF_FIRST 60 /* seconds after the first try that reached no host */
#define BACKOFF_DOUBLINGS 16
#define NOTICE_PARTS 3  /* a short lease would be in its last 30 days for ever: its last third is */
#define JITTER_PARTS 10 /* one tenth, either way */

struct machine_clock machine_clock(int64_t wall, int64_t mark, int64_t floor, int64_t reached)
{
	struct machine_clock c = {.wall = wall, .now = wall};
	int64_t least = mark > floor ? mark : floor;
	/* Only an authenticated time can tell that the clock is ahead: a product file may lie in a drawer for
	 * years. */
	bool ahead = mark && wall > mark + AHEAD_MAX;
	if (least && (wall < least - BEHIND_MAX || ahead)) {
		c.now = reached > least ? reached : least;
		c.suspect = true;
	}
	return c;
}

int64_t machine_mark(int64_t mark, int64_t told, int64_t nbf, int64_t exp)
{
	bool believed = told >= nbf && told <= exp;
	return believed && (told > mark || told < mark - BEHIND_MAX) ? told : mark;
}

int64_t machine_grace_end(const struct machine *m)
{
	return m->leased || m->tampered ? 0 : m->first_call + (int64_t)m->grace_days * DAY;
}

static int64_t renew_interval(const struct machine *m)
{
	return m->renew_after > m->iat ? m->renew_after - m->iat : 0;
}

enum machine_state machine_state(const struct machine *m, const struct machine_clock *c)
{
	if (m->tampered)
		return MACHINE_TAMPERED;
	if (!m->leased)
		return c->now < machine_grace_end(m) ? MACHINE_GRACE : MACHINE_UNLICENSED;
	if (m->exp && c->now >= m->exp)
		return m->on_expiry == ON_EXPIRY_REDUCED ? MACHINE_REDUCED : MACHINE_EXPIRED;
	if (m->renew_after && c->now >= m->renew_after + renew_interval(m))
		return MACHINE_OVERDUE;
	return MACHINE_LICENSED;
}

/* The interval, up to a tenth longer or shorter, always the same on this machine. */
static int64_t spread(const struct machine *m, int64_t interval)
{
	int64_t range = interval / JITTER_PARTS;
	return interval + (range ? (int64_t)(m->seed % (uint64_t)(2 * range + 1)) - range : 0);
}

/* What is left of an interval that began at `from` on this machine's own clock; a clock set back ends it. */
static int64_t left_of(int64_t interval, int64_t from, const struct machine_clock *c)
{
	return c->wall < from ? 0 : interval - (c->wall - from);
}

/* Seconds that the last failure still holds the next try back. */
static int64_t hold(const struct machine *m, const struct machine_clock *c)
{
	int64_t retry = 60LL * (m->retry_minutes ? m->retry_minutes : RETRY_MINUTES);
	if (m->failures == 0)
		return 0;
	if (m->retry_after) {
		retry = m->retry_after;
	} else if (!m->answered) {
		uint32_t doublings =
			m->failures - 1 < BACKOFF_DOUBLINGS ? m->failures - 1 : BACKOFF_DOUBLINGS;
		int64_t backoff = (int64_t)BACKOFF_FIRST << doublings;
		retry = backoff < retry ? backoff : retry;
	}
	return left_of(spread(m, retry), m->tried, c);
}

static int64_t renewal(const struct machine *m, const struct machine_clock *c)
{
	int64_t interval = spread(m, renew_interval(m));
	/* A clock that stands at the mark would never reach the day: count from the last try by the machine's
	 * own clock. */
	if (c->suspect)
		return left_of(interval, m->tried, c);
	return m->iat + interval - c->now;
}

int64_t machine_wait(const struct machine *m, const struct machine_clock *c)
{
	if (m->leased && !m->renew_after && !m->tampered)
		return MACHINE_NEVER;
	if (!m->leased && !m->wanted)
		return MACHINE_NEVER;
	int64_t wait = m->leased && !m->tampered ? renewal(m, c) : 0;
	int64_t held = hold(m, c);
	if (held > wait)
		wait = held;
	return wait > 0 ? wait : 0;
}

unsigned machine_notice(const struct machine *m, const struct machine_clock *c)
{
	static const unsigned days[] = {30, 10, 1};
	size_t n = m->model == MODEL_DEVICE ? sizeof(days) / sizeof(days[0]) : 1;
	int64_t left = m->exp - c->now;
	int64_t part = (m->exp - m->iat) / NOTICE_PARTS;
	if (m->tampered || !m->leased || !m->exp || left <= 0)
		return 0;
	while (n > 0) {
		int64_t from = days[n - 1] * DAY;
		if (left <= (from < part ? from : part))
			return from < part ? days[n - 1] : (unsigned)((part + DAY - 1) / DAY);
		n--;
	}
	return 0;
}

bool machine_prompt(const struct machine *m, const struct machine_clock *c)
{
	enum machine_state state = machine_state(m, c);
	if (state == MACHINE_GRACE)
		return c->now >= m->first_call + (int64_t)m->prompt_days * DAY;
	return state != MACHINE_LICENSED || machine_notice(m, c) != 0;
}

const char *machine_name(enum machine_state state)
{
	static const char *const names[MACHINE_STATES] = {
		[MACHINE_LICENSED] = "licensed", [MACHINE_GRACE] = "grace",
		[MACHINE_OVERDUE] = "overdue",   [MACHINE_UNLICENSED] = "unlicensed",
		[MACHINE_EXPIRED] = "expired",   [MACHINE_REDUCED] = "reduced",
		[MACHINE_TAMPERED] = "tampered",
	};
	return names[state];
}

int machine_exit(enum machine_state state)
{
	static const int codes[MACHINE_STATES] = {
		[MACHINE_LICENSED] = 0,   [MACHINE_GRACE] = 2,   [MACHINE_OVERDUE] = 2,
		[MACHINE_UNLICENSED] = 3, [MACHINE_EXPIRED] = 4, [MACHINE_REDUCED] = 4,
		[MACHINE_TAMPERED] = 1,
	};
	return codes[state];
}
