/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What administrators order, as plain values: a list of changes that becomes one transaction, and what came
 * of each. A change that is refused undoes itself and stops nobody else. Belongs to its job; texts are
 * borrowed from the orders' own room.
 */
#ifndef SERVER_CHANGE_H
#define SERVER_CHANGE_H

#include "facts.h"
#include "keycode.h"

enum change_kind {
#define CHANGE(id, name, role, function, needs, verbs) CHANGE_##id,
#include "changes.def"
#undef CHANGE
	CHANGE_KINDS
};

/* Members that a change may have; what it must have stands in changes.def. */
enum {
	ORDER_USER = 1 << 0,
	ORDER_GROUP = 1 << 1,
	ORDER_MEMBER = 1 << 2, /* one of user, device, member */
	ORDER_DEVICE = 1 << 3,
	ORDER_SUBJECT = 1 << 4, /* one of user, group, device, device_group */
	ORDER_PRODUCT = 1 << 5,
	ORDER_WITH = 1 << 6,
	ORDER_GRANT = 1 << 7,
	ORDER_KEY = 1 << 8,
	ORDER_ID = 1 << 9,
	ORDER_LICENSE = 1 << 10,
};

/* One order. Texts are NULL when they were not given. */
struct change {
	enum change_kind kind;
	const char *user;
	const char *group;
	const char *device; /* a whole device id */
	const char *device_group;
	const char *member; /* a group inside a group */
	const char *product;
	const char *with;
	const char *plans;  /* ids with commas between; NULL: all */
	const char *groups; /* names with commas between */
	const char *grant;
	const char *license;
	const char *key;
	const char *name; /* for people */
	const char *pattern;
	const char *if_match; /* the ETag that its resource must have, or "*"; NULL: whatever it is */
	int64_t id;
	int64_t uses;
	int64_t days;
	bool devices; /* the group is one of devices */
	bool guest;
	bool force;

	int code; /* 0: done */
	struct numbers numbers;
	char detail[LIMIT_DETAIL + 1];
	char output[KEYCODE_TEXT]; /* a code or key that is shown this once; "": none */
	int64_t until;             /* and until when it holds; 0: for ever */
};

/* What became of the seats of one product. */
struct change_effect {
	char product[LIMIT_ID + 1];
	int64_t gained;
	int64_t lost;
	int64_t waiting; /* wanted a seat, and got none, or not all of it */
	int64_t seats;   /* taken more, or fewer */
	int64_t held;    /* before */
};

#define CHANGE_TAG 32 /* characters of an ETag and NUL */

struct store;

struct orders {
	/* The ETag of the resource that a change is about, read with this handle: for if_match. E_NOT_FOUND;
	 * errors of the store. */
	int (*tag)(void *context, struct store *, const struct change *, char ret[CHANGE_TAG]);
	void *context;
	bool dry_run;    /* only find out */
	bool confirm;    /* losing much is meant */
	bool may_guests; /* the actor is an owner */
	char *room;      /* the texts; owned */
	struct change *changes;
	size_t n;
	struct change_effect effects[LIMIT_PRODUCTS];
	size_t n_effects;
};

/* New orders with room for n changes and texts of so many bytes; NULL without memory. Any thread. */
struct orders *orders_new(size_t n, size_t room);
void orders_free(struct orders *);

/* A kind by its name and back, and the members it needs. */
bool change_by_name(const char *name, enum change_kind *ret);
const char *change_name(enum change_kind);
unsigned change_needs(enum change_kind);

#endif
