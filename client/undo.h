/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The undo file of a reset: what the machine held of a product before, its lease file and its record, under a
 * MAC of this device. Any thread.
 */
#ifndef CLIENT_UNDO_H
#define CLIENT_UNDO_H

#include "state_json.h"

/* What stands in it. */
struct undo {
	struct record record;
	char *lease; /* text of the lease file; NULL: there was none */
};

/* Free the text. */
void undo_fini(struct undo *);

/* Write it, 0600. E_IO, E_CANNOT_CREATE, E_NO_MEMORY. */
int undo_save(const char *path, const struct device *, const struct undo *, struct fault *);

/*
 * Read it; freed with undo_fini. E_IO; E_STATE_TAMPERED: it was changed, or belongs to another machine;
 * E_WRONG_PRODUCT; E_NO_MEMORY.
 */
int undo_load(const char *path, const struct device *, const char *product, struct undo *ret, struct fault *);

/* The bytes of the file, and back. Errors as state_write and state_read. */
int undo_write(const struct undo *, const uint8_t mac_key[DEVICE_MAC_KEY], char **ret);
int undo_read(const char *text, size_t n, const uint8_t mac_key[DEVICE_MAC_KEY], struct undo *ret);

/* The same for a document whose MAC was checked. */
int undo_parse(json_t *document, struct undo *ret);

#endif
