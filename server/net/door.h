/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is turned away when all want to come in, whoever they are: by chance, and by what the processors can do
 * (reliability.md 3.6, steps 2 and 7). Chance and time come from the caller.
 */
#ifndef SERVER_DOOR_H
#define SERVER_DOOR_H

#include <stdbool.h>
#include <stdint.h>

#define DOOR_DRAWS 10000

/*
 * Is a stranger refused early? Nobody up to half of the limit; from there on 30 of 100, more with each, and
 * all at the limit (as OpenSSH's MaxStartups). draw: by chance, below DOOR_DRAWS.
 */
bool door_drops(uint32_t unauthenticated, uint32_t limit, uint32_t draw);

/* Handshakes of all together: a second's worth is the most that is saved up. */
struct budget {
	int64_t tokens;   /* in thousandths */
	int64_t refilled; /* monotonic ms */
};

void budget_fill(struct budget *, uint32_t rate, int64_t now_ms);

/* One more handshake; false: there is none left. The last half of the budget is not for strangers, so that
 * their flood leaves room for those who are known. rate: a second. */
bool budget_spend(struct budget *, uint32_t rate, bool stranger, int64_t now_ms);

#endif
