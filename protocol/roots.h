/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vendor's root keys. The first is the vendor's name for ever: its k4.pid stands in every file as iss and
 * vendor. The others sign in its name: the next root, which is pinned together with the current one so that
 * the loss or theft of one is no end, and those that followed (DESIGN 4). Any thread.
 */
#ifndef PROTOCOL_ROOTS_H
#define PROTOCOL_ROOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "paserk.h"

#define ROOTS_MAX 4
#define ROOTS_TEXT (ROOTS_MAX * PASERK_PUBLIC_TEXT) /* with its NUL */

struct roots {
	uint8_t keys[ROOTS_MAX][PASETO_PUBLIC];
	size_t n;
};

/* Of a vendor that has only the one. */
struct roots roots_of(const uint8_t key[PASETO_PUBLIC]);

/* The same as a pointer, for a call. */
#define ROOTS_OF(key) ((struct roots[]){roots_of(key)})

/* One or more k4.public, with white space between them; what is behind a # of a line is passed over.
 * E_KEY_INVALID: none, a wrong one, the same one twice, or more than ROOTS_MAX. */
int roots_read(const char *text, size_t n, struct roots *ret);

/* The keys with a space between them. */
void roots_write(const struct roots *, char out[ROOTS_TEXT]);

/* Does it have the key? */
bool roots_have(const struct roots *, const uint8_t key[PASETO_PUBLIC]);

/* Take over keys of the same vendor that are missing, as long as there is room. Does it have all of them now?
 */
bool roots_join(struct roots *, const struct roots *more);

#endif
