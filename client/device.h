/* SPDX-License-Identifier: Apache-2.0 */
/* This machine's own keys, in device.key of the state directory, and what is derived from them. Any thread,
 * not shared. */
#ifndef CLIENT_DEVICE_H
#define CLIENT_DEVICE_H

#include "fault.h"
#include "lease.h"
#include "noise.h"
#include "paseto.h"

#define DEVICE_MAC_KEY 32

/* Lives in locked memory that is wiped when it is freed. */
struct device {
	struct noise_pair fixed;            /* proves the machine online */
	uint8_t sign_secret[PASETO_SECRET]; /* signs offline requests */
	uint8_t sign_public[PASETO_PUBLIC];
	uint8_t id[DEVICE_ID];
	char text[DEVICE_ID_TEXT];
	uint8_t mac_key[DEVICE_MAC_KEY]; /* authenticates the state file */
};

/*
 * Read the folder's device.key. *ret: freed with device_free. E_NOT_FOUND: there is none; E_INSECURE: others
 * may read or write it; E_STATE_TAMPERED: it is damaged; E_IO; E_NO_MEMORY.
 */
int device_load(const char *folder, struct device **ret, struct fault *);

/* Make a new identity and write it. Errors as device_load, E_CANNOT_CREATE. */
int device_make(const char *folder, struct device **ret, struct fault *);

void device_free(struct device *);

/* A number that is this device's and product's own: it spreads machines over time. */
uint64_t device_seed(const struct device *, const char *product);

#endif
