/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict readers for the JSON claims of signed files. The first fault is remembered with the name of its
 * claim and every later call does nothing, so that a document is read top to bottom and checked once. Unknown
 * claims are ignored; a known one of the wrong type or out of range is a fault. Any thread; not shared.
 */
#ifndef PROTOCOL_CLAIMS_H
#define PROTOCOL_CLAIMS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limit.h"
#include "paserk.h"

#define CLAIMS_JTI 23 /* 16 bytes as base64url and NUL */

struct claims {
	int error;      /* 0, E_CLAIM_INVALID or E_NO_MEMORY */
	char where[96]; /* the claim at fault, for people */
};

/* Claims that every signed file has (DESIGN 4). */
struct claims_head {
	char iss[PASERK_ID_TEXT]; /* vendor or host key id (k4.pid...), or a device id */
	int64_t iat;
	char jti[CLAIMS_JTI];
	const char *footer; /* for writers: what the footer says, if not iss; borrowed */
};

/* What goes into the footer of a file with this head. Borrowed. */
const char *claims_footer(const struct claims_head *);

/* Mark a fault found by the caller, unless there is one already. */
void claims_fault(struct claims *, const char *where);

/* Zeroed room for n > 0 rows; NULL without memory, which counts as a fault (E_NO_MEMORY). */
void *claims_room(struct claims *, size_t n, size_t size);

/* Required members of an object. */
void claims_head(struct claims *, json_t *object, struct claims_head *ret);
void claims_text(struct claims *, json_t *object, const char *key, char *out, size_t room);
void claims_slug(struct claims *, json_t *object, const char *key, char out[LIMIT_ID + 1]);
void claims_integer(struct claims *, json_t *object, const char *key, int64_t min, int64_t max, int64_t *ret);
void claims_time(struct claims *, json_t *object, const char *key, int64_t *ret);
void claims_bytes(struct claims *, json_t *object, const char *key, uint8_t *out, size_t n);
void claims_public(struct claims *, json_t *object, const char *key, uint8_t ret[PASETO_PUBLIC]);
json_t *claims_object(struct claims *, json_t *object, const char *key); /* borrowed; NULL on a fault */

/* Read a JSON object; *ret: the caller's. E_CLAIM_INVALID: it is none; E_NO_MEMORY. */
int claims_load(const void *text, size_t n, json_t **ret);

/* Is the member there (and not null)? */
bool claims_has(json_t *object, const char *key);

/* Optional members: *ret keeps its value when the member is not there. */
void claims_integer_opt(struct claims *, json_t *object, const char *key, int64_t min, int64_t max,
			int64_t *ret);
void claims_u32_opt(struct claims *, json_t *object, const char *key, uint32_t max, uint32_t *ret);
void claims_time_opt(struct claims *, json_t *object, const char *key, int64_t *ret);
void claims_bool_opt(struct claims *, json_t *object, const char *key, bool *ret);
void claims_text_opt(struct claims *, json_t *object, const char *key, char *out, size_t room);

/* An optional array of at most max members: borrowed, or NULL when not there or on a fault; *ret_n its
 * length. */
json_t *claims_array_opt(struct claims *, json_t *object, const char *key, size_t max, size_t *ret_n);

/* An optional array of slugs into out[max], *ret_n of them; twice the same is a fault. */
void claims_slugs_opt(struct claims *, json_t *object, const char *key, char (*out)[LIMIT_ID + 1], size_t max,
		      size_t *ret_n);

/* Is it a slug: 1 to LIMIT_ID of a-z, 0-9, '-', '.', '_', beginning with a letter or digit? */
bool slug_ok(const char *text);

/* Is it a user's name, such as an e-mail address: 1 to LIMIT_USER bytes without blanks, control characters
 * and , ; " ' ` \ / ?
 */
bool user_ok(const char *text);

/*
 * Writers: set a member, append to an array; the object takes the value. Without memory a member is left out,
 * which claims_made tells of everything since claims_begin on this thread: 0 or E_NO_MEMORY. Tokens and state
 * files are not made then.
 */
void claims_begin(void);
int claims_made(void);
void claims_set(json_t *object, const char *key, json_t *value);
void claims_append(json_t *array, json_t *value);
void claims_set_text(json_t *object, const char *key, const char *text);
void claims_set_integer(json_t *object, const char *key, int64_t value);
void claims_set_time(json_t *object, const char *key, int64_t time);
void claims_set_bytes(json_t *object, const char *key, const void *bytes, size_t n); /* n <= 64 */
void claims_set_public(json_t *object, const char *key, const uint8_t public[PASETO_PUBLIC]);
void claims_set_slugs(json_t *object, const char *key, const char (*slugs)[LIMIT_ID + 1], size_t n);

/* A random jti. */
void claims_jti(char out[CLAIMS_JTI]);

#endif
