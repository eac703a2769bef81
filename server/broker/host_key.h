/* SPDX-License-Identifier: Apache-2.0 */
/* The host's own keys: Ed25519 signs leases, X25519 proves the host online. In locked memory, wiped at the
 * end. */
#ifndef SERVER_HOST_KEY_H
#define SERVER_HOST_KEY_H

#include "noise.h"
#include "paserk.h"
#include "ratchet.h"

struct host_key {
	uint8_t sign[PASETO_SECRET];
	uint8_t public[PASETO_PUBLIC];
	struct noise_pair fixed;
	uint8_t ratchet[RATCHET_SECRET]; /* derived from sign */
	char id[PASERK_ID_TEXT];         /* k4.pid of public */
};

/*
 * Load the file, or make it (0600) when there is none. *ret: freed with host_key_free. E_INSECURE: others may
 * read it; E_KEY_INVALID: damaged; E_CANNOT_CREATE, E_IO, E_NO_MEMORY. Start-up only.
 */
int host_key_open(const char *path, struct host_key **ret);

/* Keys from their secrets, and the file (0600) of keys. Errors as host_key_open. */
int host_key_make(const uint8_t sign[PASETO_SECRET], const uint8_t fixed[NOISE_KEY], struct host_key **ret);
int host_key_save(const char *path, const struct host_key *);

void host_key_free(struct host_key *);

#endif
