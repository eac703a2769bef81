/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A JSON document with one long array, "items", read one item at a time: memory does not grow with its
 * length. Main thread.
 */
#ifndef CTL_ITEMS_H
#define CTL_ITEMS_H

#include <jansson.h>
#include <stddef.h>

/* Called for each item with its index; returns 0, or an error that ends the reading. The item is borrowed. */
typedef int items_visit(json_t *item, size_t index, void *context);

/*
 * Read the whole document. *ret_rest: its other members, owned by the caller; set on success only. Returns 0,
 * E_MALFORMED (no such document; items visited before were well formed), E_NO_MEMORY, or what visit returned.
 */
int items_read(const char *text, size_t n, items_visit *visit, void *context, json_t **ret_rest);

#endif
