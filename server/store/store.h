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
 * E_STORE_CORRUPT, E_STORE_BUSY, E_NO_MEMORY, E_INTERNAL; of begin, commit and sync also E_STORE_UNKNOWN:
 * what was committed last may or may not be durable, and the handle must not be used for writing again.
 */
#ifndef SERVER_STORE_H
#define SERVER_STORE_H

#include "audit_check.h"
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
	LIST_RECORD,  /* records like an example */
	LIST_COUNT,   /* one row: how many records are like it */
	LIST_SOURCES, /* assignments that reach a holder: its own first, then those of groups above, by name
		       */
	LIST_HOLDERS, /* users or devices in a group, however deep; each once */
	LIST_WAITING, /* wishes for a product that no grant gives a seat, the oldest first */
	LIST_NEWEST,  /* seats of one grant, the newest first */
	LIST_USER_DEVICES, /* what one user holds, on which devices; the one used least recently first */
	LIST_TAGGED, /* devices that have one of some parts, for one grant; those with the most of them first
		      */
	LIST_PROPOSALS, /* devices whose hostname fits a device group's pattern, and that are not in it; a
			   device that is proposed for no group is one row with circle 0 */
	LIST_HISTORY,   /* what daily counters say of each day from after[0] on and each grant, day by day */
	LIST_STALE,     /* devices never licensed and silent since an instant */
	LIST_AUDIT_END, /* the last row of the audit log */
	LIST_SKEW,      /* one row: how many devices' clocks are off (counted up to 10,000), and how far */
};

/* What to list. Zero means no filter; after[] is the cursor that the last row of the page before gave;
 * LIST_META, LIST_LICENSE, LIST_CERTIFICATE and LIST_DAILY are short and have none. */
struct listing {
	enum listing_kind kind;
	int64_t after[3];
	int64_t limit;          /* 0: all */
	int64_t now;            /* LIST_GRANT and LIST_ACTIVATION: the instant to count at */
	int64_t device;         /* only this device (LIST_DEVICE, LIST_ACTIVATION) */
	int64_t tag_from;       /* LIST_DEVICE: ids whose tag lies in a range, both ends included; */
	int64_t tag_to;         /*   0, 0: no such filter */
	const char *product;    /* LIST_ACTIVATION */
	const char *state;      /* LIST_ACTIVATION: active, ended, counted, released, pending */
	int64_t expires_before; /* LIST_ACTIVATION */
	int64_t user;           /* LIST_ACTIVATION, LIST_USER_DEVICES: only this user's; 0: no such filter */
	const struct record *like; /* LIST_RECORD, LIST_COUNT: kind, and the fields that `by` names */
	uint32_t by;
	enum member_kind kind_of; /* LIST_SOURCES: kind of the holder, or MEMBER_GROUP for a group itself */
	int64_t holder;           /* LIST_SOURCES: its number; LIST_HOLDERS: the group's */
	int64_t grant;            /* LIST_NEWEST, LIST_TAGGED */
	const uint32_t *tags;     /* LIST_TAGGED: at most LIMIT_COMPONENTS of kind * 65536 + tag */
	size_t n_tags;
	int64_t before; /* LIST_STALE: the instant; LIST_HISTORY: the day that ends it, 0: none */
};

/* One row of a listing; the member of its kind is set, texts are borrowed until the callback returns. */
struct row {
	int64_t cursor[3];
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
			struct grant_marks marks;
			int64_t count;
			int64_t active;
			int64_t seats;   /* taken */
			int64_t waiting; /* who wait for a seat of its product */
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
			bool shared;
			bool approved;
			int64_t skew;               /* of its clock (skew.h) */
			const uint8_t *forked_from; /* NULL: of none */
			bool licensed;              /* holds a lease in force */
		} device;
		struct {
			const uint8_t *id;
			const char *hostname;
			int64_t num;
			int64_t grant;
			int64_t user; /* its number; 0: the device's own */
			const char *user_name;
			bool shared;
			const char *state;
			struct holding holding;
		} activation; /* LIST_ACTIVATION, LIST_USER_DEVICES */
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
		struct {
			int32_t day;
			int64_t grant;  /* 0: refused before a grant was chosen */
			int64_t active; /* the most that were in force at once */
			int64_t count;  /* the same of the count, and of seats taken */
			int64_t seats;
			int64_t granted;
			int64_t renewed;
			int64_t released;
			int64_t refused;
		} history;
		struct record record; /* LIST_RECORD, LIST_WAITING, LIST_NEWEST */
		int64_t count;        /* LIST_COUNT */
		struct {
			int64_t ahead; /* devices */
			int64_t behind;
			int64_t most_ahead;  /* seconds */
			int64_t most_behind; /* negative */
		} skew;
		struct {
			struct record record;
			const char *group; /* through which; "": the holder's own */
			int64_t circle;
		} source;
		struct {
			enum member_kind kind;
			int64_t num;
		} member;           /* LIST_HOLDERS */
		int64_t device_num; /* LIST_TAGGED, LIST_STALE */
		struct {
			int64_t device;
			const uint8_t *id;
			const char *hostname;
			int64_t circle;
			const char *group;
			const char *pattern;
		} proposal;
	} u;
};

/* Called for each row; anything but 0 stops the listing and is its result. */
typedef int row_function(const struct row *, void *context);

/* A finding of store_check, for people. */
typedef void finding_function(int code, const char *text, void *context);

/* What store_mend has put right, or would. */
enum mend_kind { MEND_ORPHANS, MEND_INDEXES, MEND_COUNT };

struct mended {
	enum mend_kind kind;
	const char *what; /* the table; MEND_COUNT: the grant or product; borrowed until the call returns */
	int64_t rows;     /* MEND_ORPHANS: without their owner */
	int32_t bucket;   /* MEND_COUNT: enum bucket_kind, or one more: who wait for a seat */
	int32_t day;
	int64_t had;
	int64_t is;
};

typedef void mend_function(const struct mended *, void *context);

/* Called while a copy is made, with bytes; anything but 0 stops it and is its result. */
typedef int copy_step(int64_t done, int64_t total, void *context);

struct store {
	const struct store_ops *ops;
};

struct store_ops {
	unsigned version; /* of this table: 4 */
	const char *name;
	int (*reader)(struct store *, struct store **ret);
	void (*close)(struct store *);
	int (*begin)(struct store *);
	int (*facts)(struct store *, const struct asker *, int64_t now, struct device_facts *ret_device,
		     struct line_facts *lines, size_t n);
	int (*apply)(struct store *, const struct effect *);
	int (*commit)(struct store *);
	int (*sync)(struct store *); /* may be NULL: there is no disk to wait for */
	void (*rollback)(struct store *);
	int (*mark)(struct store *);
	int (*keep)(struct store *);
	int (*undo)(struct store *);
	int (*page)(struct store *, const struct listing *, row_function *, void *context);
	int (*check)(struct store *, int64_t now, finding_function *, void *context);
	int (*devices)(struct store *, int64_t *ret);
	int (*copy)(struct store *, const char *path, copy_step *, void *context); /* may be NULL */
	void (*interrupt)(struct store *); /* may be NULL: nothing takes long */
	/* Both may be NULL: it cannot get so far. */
	int (*orphans)(struct store *, mend_function *, void *context);
	int (*mend)(struct store *, bool indexes, mend_function *, void *context);
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

/* One transaction, durable when the commit has returned 0. apply after a failed apply is not allowed: roll
 * back. */
int store_begin(struct store *);
int store_commit(struct store *);
void store_rollback(struct store *);

/*
 * store_commit in two halves. After the first the transaction is over and other handles see it, but a power
 * cut may take it back until the second has returned 0: nobody may be told before that that it is done. The
 * second may run on another thread while the handle rests; it returns 0 or E_STORE_UNKNOWN.
 */
int store_commit_early(struct store *);
int store_sync(struct store *);

/*
 * A part of the transaction that may be taken back by itself, and parts within parts: everything since the
 * last mark is kept, or undone.
 */
int store_mark(struct store *);
int store_keep(struct store *);
int store_undo(struct store *);

/*
 * What is known: the device and the user who is named, and for each candidate of each line the count, the
 * leases in force (only where the candidate has a quantity), the marks, and what its model needs besides: the
 * holding of the device or of the user on it, the hardware, the user's other devices; and the line's seats
 * where it asks for them. The candidates' own part is the caller's.
 */
int store_facts(struct store *, const struct asker *, int64_t now, struct device_facts *ret_device,
		struct line_facts *lines, size_t n);

/* Make one change inside the transaction. */
int store_apply(struct store *, const struct effect *);

/* List. Returns 0, the callback's own value, or an error. The callback must not list the same kind. */
int store_page(struct store *, const struct listing *, row_function *, void *context);

/* Integrity of the backend, every kept count against a recount, the audit chain: each fault is one finding.
 */
int store_check(struct store *, int64_t now, finding_function *, void *context);

/* Rows whose device, user or group is not on record, table by table; on any handle. */
int store_orphans(struct store *, mend_function *, void *context);

/*
 * Inside of a transaction, make anew what follows from the rest: the indexes when that is asked for, and
 * every kept count; and take out the rows whose owner is gone. Each thing that is put right is shown. The
 * audit log is not touched. E_STORE_CORRUPT: the tables themselves are damaged; undo it.
 */
int store_mend(struct store *, bool indexes, mend_function *, void *context);

/*
 * Show the audit log and its checkpoints to a check, of which the ledger and the hosts that have served it
 * are set here; memory stays flat. Returns 0 whatever was found (ret->code), or an error of the store.
 */
int store_audit(struct store *, struct audit_check *ret);

/* The first record like the example in the fields that `by` names. ret: a copy of its own. E_NOT_FOUND;
 * E_TOO_LARGE. */
int store_find(struct store *, const struct record *like, uint32_t by, struct record_copy *ret);

/* The same record's number alone, 0 for none. */
int store_find_num(struct store *, const struct record *like, uint32_t by, int64_t *ret);

/* How many records are like the example, without reading them. */
int store_count(struct store *, const struct record *like, uint32_t by, int64_t *ret);

/* The record of this number. As store_find. */
int store_get(struct store *, enum record_kind, int64_t num, struct record_copy *ret);

/* A grant's marks, and its counts at an instant; the texts of *ret are NULL. E_NOT_FOUND. */
int store_grant(struct store *, int64_t num, int64_t now, struct row *ret);

/* Add or change a record (its num is set), and take one out. */
int store_put(struct store *, struct record *);
int store_drop(struct store *, enum record_kind, int64_t num);

/* Take out every record like the example. */
int store_drop_like(struct store *, const struct record *like, uint32_t by);

/* Devices on record, without counting them. */
int store_devices(struct store *, int64_t *ret);

/*
 * Copy all as it is at one instant into a new file (0600, not yet synced), while others write. On a reader of
 * the caller's own. E_CONFIG_INVALID: this backend has no file; E_CANNOT_CREATE: it is there already, or its
 * folder is not; what step returned. After an error the file is the caller's to remove.
 */
int store_copy(struct store *, const char *path, copy_step *, void *context);

/* Make a listing or check that another thread runs on this handle end soon, with an error. Any thread. */
void store_interrupt(struct store *);

/* A device id's tag: its first 63 bits. */
int64_t store_tag(const uint8_t id[DEVICE_ID]);

/* The state of an activation as listings name it. */
const char *store_holding_state(const struct holding *, int64_t now);

/* What the meta table says of the ledger itself: its id, and hosts that have signed its audit log. */
#define LEDGER_KEY "ledger"
#define SIGNER_KEY "signer." /* and the key's k4.pid */

/* Backends. */
int store_sqlite_open(const char *path, struct store **ret);
int store_memory_open(struct store **ret);

#endif
