/* SPDX-License-Identifier: Apache-2.0 */
/* What the state file and the undo file of a reset have in common: a JSON document with a MAC, and the record
 * of a product. Any thread. */
#ifndef CLIENT_STATE_JSON_H
#define CLIENT_STATE_JSON_H

#include "claims.h"
#include "state.h"

/* A record as an object, the caller's reference; and back, into a record of zeros. */
json_t *record_write(const struct record *);
void record_read(struct claims *, json_t *object, struct record *ret);

/*
 * The document with its MAC under a key, as text; and back, when the MAC holds. document: changed. *ret:
 * freed by the caller. E_NO_MEMORY; E_STATE_TAMPERED.
 */
int sealed_write(json_t *document, const uint8_t mac_key[DEVICE_MAC_KEY], char **ret);
int sealed_read(const char *text, size_t n, const uint8_t mac_key[DEVICE_MAC_KEY], json_t **ret);

#endif
