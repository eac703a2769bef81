/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this machine was confirmed by telephone, in the file `calls` of the state directory, with a MAC under
 * the device key. A confirmation proves itself anew each time with the site key; the file keeps besides how
 * many there were in a row, and how many wrong ones were typed. Any thread, not shared. Times are seconds
 * since 1970.
 */
#ifndef CLIENT_CALLS_H
#define CLIENT_CALLS_H

#include "device.h"
#include "fault.h"
#include "words.h"

#define CALLS_MAX LIMIT_PRODUCTS
#define CALL_TRIES 5          /* wrong ones in a row, then nothing is checked for a while: */
#define CALL_WAIT_SECONDS 600 /* doubled with each further one, */
#define CALL_WAIT_MAX 86400   /* up to a day */

/* Digits as they are, or SPOKEN_WORDS and what the words say in base64url. */
#define SPOKEN_PROOF 96
#define SPOKEN_WORDS 'w'

struct spoken {
	char product[LIMIT_ID + 1];
	char proof[SPOKEN_PROOF]; /* of the one in force, as spoken.h has it; "": none is */
	unsigned sequence;        /* the highest that was taken */
	unsigned in_row;          /* by digits, since a lease by network, file or words */
};

struct calls {
	struct spoken rows[CALLS_MAX];
	size_t n;
	unsigned wrong; /* tries in a row */
	int64_t until;  /* before which none is checked */
};

/* Read it; a missing or damaged file is an empty one. E_IO; E_NO_MEMORY. */
int calls_load(const char *folder, const struct device *, struct calls *ret, struct fault *);

/* Write it, atomically. E_IO, E_CANNOT_CREATE, E_NO_MEMORY. */
int calls_save(const char *folder, const struct device *, const struct calls *, struct fault *);

/* The bytes of the file without its MAC, and back; false: it is no such text. */
#define CALLS_TEXT 16384
void calls_write(const struct calls *, char out[CALLS_TEXT]);
bool calls_read(const char *text, struct calls *ret);

/* The row of a product; calls_need makes one where there is none, NULL: there are too many. Borrowed. */
struct spoken *calls_find(struct calls *, const char *product);
struct spoken *calls_need(struct calls *, const char *product);

/* One more wrong try at an instant. */
void calls_wrong(struct calls *, int64_t now);

#endif
