/* SPDX-License-Identifier: Apache-2.0 */
/* This machine's own keys, in device.key of the state directory, and what is derived from them. Any thread,
 * not shared. */
#ifndef CLIENT_DEVICE_H
#define CLIENT_DEVICE_H

#include "fault.h"
#include "lease.h"
#include "noise.h"
#include "origin.h"
#include "paseto.h"

#define DEVICE_MAC_KEY 32
#define DEVICE_SEED 32

/* Lives in locked memory that is wiped when it is freed. */
struct device {
	struct noise_pair fixed;            /* proves the machine online */
	uint8_t sign_secret[PASETO_SECRET]; /* signs offline requests */
	uint8_t sign_public[PASETO_PUBLIC];
	uint8_t id[DEVICE_ID];
	char text[DEVICE_ID_TEXT];
	uint8_t mac_key[DEVICE_MAC_KEY]; /* authenticates the state file */
	bool chosen;                     /* the keys come from a seed that an operator chose */
	struct origin origin;            /* of the machine that the keys were made on */
};

/*
 * Read the folder's device.key. *ret: freed with device_free. E_NOT_FOUND: there is none; E_INSECURE: others
 * may read or write it; E_STATE_TAMPERED: it is damaged; E_IO; E_NO_MEMORY.
 */
int device_load(const char *folder, struct device **ret, struct fault *);

/*
 * Make a new identity for a machine with these parts, and write it. former: the one that it replaces, whose
 * state file stays readable; NULL: none. Errors as device_load, E_CANNOT_CREATE.
 */
int device_make(const char *folder, const struct parts *, const struct device *former, struct device **ret,
		struct fault *);

/*
 * The identity that an operator chose: both keys come from a file of DEVICE_SEED bytes (DESIGN 5.4). E_IO;
 * E_INSECURE: others may read or write it; E_KEY_INVALID: it has another size, or is all zero; E_NO_MEMORY.
 */
int device_from_seed(const char *path, struct device **ret, struct fault *);

/* Were the keys made on another machine than one with these parts? */
bool device_is_copy(const struct device *, const struct parts *);

void device_free(struct device *);

/* A number that is this device's and product's own: it spreads machines over time. */
uint64_t device_seed(const struct device *, const char *product);

#endif
