/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON of POST /v1/changes as orders. Nothing but reading: any thread. */
#ifndef SERVER_CHANGE_READ_H
#define SERVER_CHANGE_READ_H

#include "change.h"
#include "role.h"

#define CHANGE_WHY 176

/* Members of a change as JSON: where each goes, and what it must be. */
enum member_type { MEMBER_TEXT, MEMBER_LIST, MEMBER_NUMBER, MEMBER_FLAG };

struct change_member {
	const char *name;
	enum member_type type;
	size_t at; /* in struct change */
};

/* The table of members. Lives for ever. */
const struct change_member *change_members(size_t *ret_count);

/* What is read, for whom. */
struct change_reader {
	const char *body;
	size_t n;
	enum role role;
	/* A device by the first characters of its id: ret_id gets the whole one. E_NOT_FOUND; E_BAD_REQUEST
	 * with a reason. */
	int (*resolve)(void *context, const char *text, char ret_id[DEVICE_ID_TEXT], const char **ret_why);
	void *context;
};

/*
 * Read. *ret: the caller's. why: what is wrong and in which change, for E_BAD_REQUEST. E_NOT_PERMITTED: a
 * change is beyond the role; E_NO_MEMORY.
 */
int change_read(const struct change_reader *, struct orders **ret, char why[CHANGE_WHY]);

#endif
