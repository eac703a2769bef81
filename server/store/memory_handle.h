/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the store in plain arrays, shared by its files. */
#ifndef SERVER_MEMORY_HANDLE_H
#define SERVER_MEMORY_HANDLE_H

#include <pthread.h>

#include "store.h"

enum table {
	T_META,
	T_LICENSE,
	T_CERTIFICATE,
	T_GRANT,
	T_DEVICE,
	T_HOLDING,
	T_RATCHET,
	T_BUCKET,
	T_DAILY,
	T_AUDIT,
	T_RECORD,
	TABLES
};

/* One row of any table: its key in numbers and texts, its content, kept in key order where listings need it.
 */
struct item {
	int64_t key[3];
	char *text[5];
	void *bytes;
	size_t n;
	int64_t number[5];
	struct holding holding;
	struct ratchet ratchet;
	struct grant_marks marks;
	struct record record;
	bool dead; /* taken out: its place stays, so that undo finds it */
};

struct rows {
	struct item *all;
	size_t used;
	size_t room;
};

struct undo {
	enum table table;
	size_t index;
	bool inserted;
	struct item before;
};

#define MEMORY_PARTS 8

struct memory {
	pthread_mutex_t lock;
	struct rows tables[TABLES];
	struct undo *journal;
	size_t journal_used;
	size_t journal_room;
	size_t parts[MEMORY_PARTS]; /* where in the journal each part of the transaction began */
	size_t n_parts;
	int handles;
};

struct memory_store {
	struct store store;
	struct memory *memory;
	bool in_transaction;
};

static inline struct memory *memory_of(struct store *store)
{
	return ((struct memory_store *)store)->memory;
}

/* The living row with this key, or NULL. */
struct item *memory_find(struct memory *, enum table, const struct item *key);
struct item *memory_number(struct memory *, enum table, int64_t a, int64_t b, int64_t c);

/* Put a row: replace the one with its key, or append. The former value goes to the journal. E_NO_MEMORY. */
int memory_put(struct memory *, enum table, const struct item *row);

/* Sum of a grant's buckets of a kind from a day on. */
int64_t memory_sum(struct memory *, int64_t grant, enum bucket_kind, int64_t from);

/* The living records of a kind, one after the other: *index from 0; NULL behind the last. */
const struct record *memory_record(struct memory *, enum record_kind, size_t *index);

/* Listings that follow memberships, tags and patterns from row to row. */
int memory_walk(struct memory *, const struct listing *, row_function *, void *context);

/* The operations of the other files. */
int memory_facts(struct store *, const struct asker *, int64_t now, struct device_facts *ret_device,
		 struct line_facts *lines, size_t n);
int memory_apply(struct store *, const struct effect *);
int memory_page(struct store *, const struct listing *, row_function *, void *context);
int memory_devices(struct store *, int64_t *ret);
int memory_check(struct store *, int64_t now, finding_function *, void *context);

#endif
