/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificates that the host shows in its hello, and their vendors' revocation lists: an immutable set,
 * shared by reference between the lane that makes it and the threads that answer. Any thread.
 */
#ifndef SERVER_CREDENTIALS_H
#define SERVER_CREDENTIALS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "paserk.h"

struct catalog;

struct credential {
	uint8_t vendor[PASERK_ID];
	char *token;
	int64_t end;         /* of the certificate */
	int64_t revocations; /* number of the vendor's list; 0: none */
	char *list;          /* its token; NULL: none */
};

struct credentials {
	size_t references; /* under the board's lock */
	size_t n;
	struct credential all[];
};

/* Where the current set hangs, and how many batches were committed, by which late sessions are known. */
struct credentials_board {
	pthread_mutex_t lock;
	struct credentials *current;
	atomic_ullong batches;
};

void credentials_board_init(struct credentials_board *);
void credentials_board_fini(struct credentials_board *);

/* Hang up a new set, made from the catalog. E_NO_MEMORY: the old one stays. */
int credentials_publish(struct credentials_board *, const struct catalog *);

/* Take the current set, and give it back. Never NULL after the first publish. */
struct credentials *credentials_take(struct credentials_board *);
void credentials_give_back(struct credentials_board *, struct credentials *);

#endif
