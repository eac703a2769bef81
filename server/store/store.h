/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's memory at the level of its domain: what the lane needs to decide, to change and to list. Each
 * backend is one constant table of operations that passes tests/contract/store_contract.c.
 *
 * A handle from store_open writes and belongs to one thread at a time (the lane); a handle from store_reader
 * only lists and may belong to another thread. Between begin and commit nobody else can change what facts has
 * read.
 *
 * Errors of every call: E_STORE_FULL (disk full: nothing changed, goes on by itself), E_STORE_IO,
 * E_STORE_CORRUPT, E_STORE_BUSY, E_NO_MEMORY, E_INTERNAL; of commit also E_STORE_UNKNOWN: it may or may not
 * be durable, and the handle must not be used for writing again.
 */
#ifndef SERVER_STORE_H
#define SERVER_STORE_H

#include "bucket.h"
#include "facts.h"

enum listing_kind {
	LIST_META,
	LIST_LICENSE,
	LIST_CERTIFICATE,
	LIST_GRANT,
	LIST_DEVICE,
	LIST_ACTIVATION,
	LIST_AUDIT,
	LIST_DAILY,
};

/* What to list. Zero means no filter; after[] is the cursor that the last row of the page before gave;
 * LIST_META, LIST_LICENSE, LIST_CERTIFICATE and LIST_DAILY are short and have none. */
struct listing {
	enum listing_kind kind;
	int64_t after[2];
	int64_t limit;          /* 0: all */
	int64_t now;            /* LIST_GRANT and LIST_ACTIVATION: the instant to count at */
	int64_t device;         /* only this device (LIST_DEVICE, LIST_ACTIVATION) */
	int64_t tag_from;       /* LIST_DEVICE: ids whose tag lies in a range, both ends included; */
	int64_t tag_to;         /*   0, 0: no such filter */
	const char *product;    /* LIST_ACTIVATION */
	const char *state;      /* LIST_ACTIVATION: active, ended, counted, released */
	int64_t expires_before; /* LIST_ACTIVATION */
};

/* One row of a listing; the member of its kind is set, texts are borrowed until the callback returns. */
struct row {
	int64_t cursor[2];
	union {
		struct {
			const char *key;
			const void *bytes;
			size_t n;
		} meta;
		struct {
			const char *vendor;
			const char *license;
			const char *vendor_key;
			const char *token;
			int64_t serial;
			int64_t installed;
		} signed_file;
		struct {
			int64_t num;
			const char *vendor;
			const char *license;
			const char *id;
			const char *product;
			int32_t window_days;
			int64_t reached;
			int64_t below_since;
			int64_t count;
			int64_t active;
		} grant;
		struct {
			int64_t num;
			const uint8_t *id;
			const char *hostname;
			const char *os;
			const char *agent;
			int64_t first_seen;
			int64_t last_seen;
			bool blocked;
			bool licensed; /* holds a lease in force */
		} device;
		struct {
			const uint8_t *id;
			const char *hostname;
			int64_t grant;
			const char *state;
			struct holding holding;
		} activation;
		struct {
			int64_t seq;
			struct audit audit;
			const uint8_t *hash;
		} audit;
		struct {
			int32_t day;
			const char *what;
			int64_t grant;
			int64_t n;
		} daily;
	} u;
};

/* Called for each row; anything but 0 stops the listing and is its result. */
typedef int row_function(const struct row *, void *context);

/* A finding of store_check, for people. */
typedef void finding_function(int code, const char *text, void *context);

struct store {
	const struct store_ops *ops;
};

struct store_ops {
	unsigned version; /* of this table: 1 */
	const char *name;
	int (*reader)(struct store *, struct store **ret);
	void (*close)(struct store *);
	int (*begin)(struct store *);
	int (*facts)(struct store *, const struct asker *, int64_t now, struct device_facts *ret_device,
		     struct line_facts *lines, size_t n);
	int (*apply)(struct store *, const struct effect *);
	int (*commit)(struct store *);
	void (*rollback)(struct store *);
	int (*page)(struct store *, const struct listing *, row_function *, void *context);
	int (*check)(struct store *, int64_t now, finding_function *, void *context);
	int (*devices)(struct store *, int64_t *ret);
	void (*interrupt)(struct store *); /* may be NULL: nothing takes long */
};

/*
 * Open for writing, migrating an older schema. url: "sqlite:PATH" or "memory:". E_STORE_NEWER: written by a
 * newer version; E_STORE_CORRUPT: not a Muster database, or damaged; E_CANNOT_CREATE: the file cannot be
 * made; E_CONFIG_INVALID: no such backend.
 */
int store_open(const char *url, struct store **ret);

/* A second handle that only lists, for one other thread. It must be closed before the first. */
int store_reader(struct store *, struct store **ret);

/* Close; NULL is allowed. An open transaction is rolled back. */
void store_close(struct store *);

/* One transaction. apply after a failed apply is not allowed: roll back. */
int store_begin(struct store *);
int store_commit(struct store *);
void store_rollback(struct store *);

/*
 * What is known: the device, and for each candidate of each line the count, the leases in force (only where
 * the candidate has a quantity), the threshold's marks and the holding. The candidates' own part is the
 * caller's.
 */
int store_facts(struct store *, const struct asker *, int64_t now, struct device_facts *ret_device,
		struct line_facts *lines, size_t n);

/* Make one change inside the transaction. */
int store_apply(struct store *, const struct effect *);

/* List. Returns 0, the callback's own value, or an error. */
int store_page(struct store *, const struct listing *, row_function *, void *context);

/* Integrity of the backend, every kept count against a recount, the audit chain: each fault is one finding.
 */
int store_check(struct store *, int64_t now, finding_function *, void *context);

/* Devices on record, without counting them. */
int store_devices(struct store *, int64_t *ret);

/* Make a listing or check that another thread runs on this handle end soon, with an error. Any thread. */
void store_interrupt(struct store *);

/* A device id's tag: its first 63 bits. */
int64_t store_tag(const uint8_t id[DEVICE_ID]);

/* The state of an activation as listings name it. */
const char *store_holding_state(const struct holding *, int64_t now);

/* Backends. */
int store_sqlite_open(const char *path, struct store **ret);
int store_memory_open(struct store **ret);

#endif
