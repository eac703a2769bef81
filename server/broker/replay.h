/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that are remembered for a day under a key that the caller has chosen (Idempotency-Key), written in
 * the same transaction as the change. An answer may hold a code that is shown once, so it is sealed with a
 * key made of the host's secret and the caller's: whoever has the database alone, or both without the
 * caller's key, reads nothing. Only what changed something is remembered.
 */
#ifndef SERVER_REPLAY_H
#define SERVER_REPLAY_H

#include "broker.h"

#define REPLAY_SECONDS 86400
#define REPLAY_KEY_MAX 128                   /* characters of the caller's key */
#define REPLAY_ANSWER_MAX ((size_t)1 << 18)  /* bytes of one answer */
#define REPLAY_BYTES_MAX ((int64_t)64 << 20) /* of all */
#define REPLAYS_MAX 4096
#define REPLAY_HASH 32

struct replay {
	uint8_t name[REPLAY_HASH];    /* under which it is kept */
	uint8_t seal[REPLAY_HASH];    /* with which it is sealed */
	uint8_t request[REPLAY_HASH]; /* hash of what was asked */
	/* The answer of JOB_CHANGE as text, owned by the caller; NULL without memory. Called on the lane. */
	char *(*write)(const struct job *);
	char *text; /* the answer: the one just made, or the one remembered; owned */
	bool found; /* it was remembered already, and the job was not run */
};

/* Make it of the host's secret, who asks, and the caller's key. request is the caller's to fill. Any thread.
 */
void replay_init(struct replay *, const uint8_t *secret, size_t n, const char *actor, const char *key);
void replay_fini(struct replay *);

/*
 * Look for a remembered answer; found and text are set. E_IDEMPOTENCY_MISMATCH: the key was used for another
 * request; errors of the store. The thread of the handle.
 */
int replay_find(struct store *, struct replay *, int64_t now);

/* Read a remembered answer of an installation back into its job. */
void replay_restore(const struct replay *, struct job *);

/* Remember the answer of a job that was run. The job's code is set when that cannot be: E_TOO_LARGE, E_BUSY.
 * Lane only. */
int replay_keep(struct broker *, struct job *, int64_t now);

/* Forget what is older than a day, so many at a time. Lane only. */
int replay_sweep(struct broker *, int64_t now);

#endif
