/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is it the same machine, by its parts (DESIGN 5.4, Hardware tolerance)? Only kinds that both sides have are
 * compared: a part that cannot be read is no mismatch. Pure; any thread.
 */
#ifndef SERVER_LIKENESS_H
#define SERVER_LIKENESS_H

#include "facts.h"

/* percent: least part of the compared weight that must agree. Nothing to compare, or tags under another salt:
 * the same. */
bool likeness_same(const struct hardware *stored, const struct hardware *shown, uint32_t percent);

/*
 * Is it the machine that was stored, said by a device that nobody knows? Stricter, for tags are short and can
 * be tried: what agrees must be a share of all that was stored, not of what happens to be shown.
 */
bool likeness_twin(const struct hardware *stored, const struct hardware *shown, uint32_t percent);

/* What is known of a machine after it has shown itself: kinds that it did not show this time stay. */
struct hardware likeness_known(const struct hardware *stored, const struct hardware *shown);

/* As bytes for the store, and back; false when they are damaged. */
size_t likeness_write(const struct hardware *, uint8_t out[3 * LIMIT_COMPONENTS]);
bool likeness_read(const void *bytes, size_t n, struct hardware *ret);

#endif
