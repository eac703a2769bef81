/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key that signs updates, from a file as BIND's tsig-keygen writes it:
 *
 *   key "name" { algorithm hmac-sha256; secret "base64"; };
 *
 * Comments of all three kinds are passed over. Pure, but for tsig_key_load; any thread.
 */
#ifndef SERVER_DNS_TSIG_KEY_H
#define SERVER_DNS_TSIG_KEY_H

#include "dns.h"

#define TSIG_KEY_FILE_MAX 4096
#define TSIG_SECRET_TEXT 256
#define TSIG_WHY 96

struct tsig_key {
	char name[LIMIT_HOSTNAME + 1];
	char algorithm[16];            /* hmac-sha256 or hmac-sha512 */
	char secret[TSIG_SECRET_TEXT]; /* base64 */
};

/* Read n bytes of text. E_CONFIG_INVALID, with *ret_line and what is wrong with it. */
int tsig_key_read(const char *text, size_t n, struct tsig_key *ret, int *ret_line, char why[TSIG_WHY]);

/*
 * Read the file. E_IO: it cannot be read (errno says why); E_INSECURE: others than its owner may read or
 * write it; E_CONFIG_INVALID: as above. private: false for a credential, whose folder already keeps others
 * out.
 */
int tsig_key_load(const char *path, bool private, struct tsig_key *ret, int *ret_line, char why[TSIG_WHY]);

#endif
