/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tells a copied state directory on its first start (reliability.md 3.8): hashes of two of the machine's
 * parts, made with its key. Any thread.
 */
#ifndef CLIENT_ORIGIN_H
#define CLIENT_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "parts.h"

#define ORIGIN_TAG 16
#define ORIGIN_KEY 32

enum origin_part { ORIGIN_UUID, ORIGIN_MACHINE_ID, ORIGIN_PARTS };

struct origin {
	bool known[ORIGIN_PARTS];
	uint8_t tag[ORIGIN_PARTS][ORIGIN_TAG];
};

/* Of a machine with these parts. key: ORIGIN_KEY secret bytes, so that nothing raw can be found out. */
struct origin origin_of(const struct parts *, const uint8_t *key);

/*
 * Was the key made on another machine? The firmware's UUID decides where it is known on both sides, otherwise
 * the machine-id. What cannot be read tells nothing.
 */
bool origin_differs(const struct origin *made, const struct origin *now);

#endif
