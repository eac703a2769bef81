/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids for things that may be gone when an answer for them comes back: an id crosses threads, a pointer does
 * not. An id is never used twice. Not shared between threads.
 */
#ifndef SERVER_SLOTS_H
#define SERVER_SLOTS_H

#include <stddef.h>
#include <stdint.h>

struct slot {
	void *thing;
	uint32_t generation;
	uint32_t next_free;
};

struct slots {
	struct slot *all;
	uint32_t room;
	uint32_t used;
	uint32_t first_free; /* UINT32_MAX: none */
};

void slots_init(struct slots *);
void slots_fini(struct slots *);

/* A new id for the thing; 0 without memory. */
uint64_t slots_add(struct slots *, void *thing);

/* The thing of an id, or NULL when it was removed. */
void *slots_find(const struct slots *, uint64_t id);

void slots_remove(struct slots *, uint64_t id);

#endif
