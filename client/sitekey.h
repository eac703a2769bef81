/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that a site's machines were given, with which confirmations by telephone are checked (DESIGN 5.5).
 * Any thread, not shared. */
#ifndef CLIENT_SITEKEY_H
#define CLIENT_SITEKEY_H

#include "fault.h"
#include "voice.h"

#define SITE_KEYS 64

struct sitekey {
	char vendor[PASERK_ID_TEXT];
	char license[LIMIT_ID + 1];
	unsigned index;
	uint8_t key[VOICE_KEY];
};

/* Lives in locked memory. */
struct sitekeys {
	struct sitekey rows[SITE_KEYS];
	size_t n;
};

/*
 * Read the file that 'musterctl offline site-key' writes. *ret: freed with sitekeys_free. E_INSECURE: others
 * may read or write it; E_KEY_INVALID: it is no such file; E_IO; E_NO_MEMORY.
 */
int sitekeys_load(const char *path, struct sitekeys **ret, struct fault *);

/* Its text, for tests and fuzzing. False: it is no such text. */
bool sitekeys_read(const char *text, struct sitekeys *ret);

void sitekeys_free(struct sitekeys *);

#endif
