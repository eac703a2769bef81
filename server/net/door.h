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

/*
 * A crowd: how far apart those who are turned away shall come again, so that about as many come in a second
 * as can be let in. What is refused costs as much as a tenth of what is served, and more of the network.
 */
#define CROWD_LEAST_S 10
#define CROWD_MOST_S 55 /* with what everybody waits at least: LIMIT_BUSY_DELAY_S */

struct crowd {
	int64_t since;    /* monotonic ms: when the second at hand began */
	uint32_t came;    /* in it */
	uint32_t refused; /* of them */
	uint32_t spread;  /* seconds; 0: nobody was refused yet */
};

/* Somebody came. Behind each second in which more than a quarter was refused the spread is half as much
 * again, and behind one in which less than a sixteenth was, three quarters. */
void crowd_count(struct crowd *, bool refused, int64_t now_ms);

/* In seconds, CROWD_LEAST_S to CROWD_MOST_S. */
uint32_t crowd_spread(const struct crowd *);

#endif
