/* SPDX-License-Identifier: Apache-2.0 */
/* The vendor's key that tests of signed files sign with. */
#ifndef TESTS_VENDOR_KEY_H
#define TESTS_VENDOR_KEY_H

#include <sodium.h>

#include "paserk.h"
#include "paseto.h"

static uint8_t public[PASETO_PUBLIC];
static uint8_t secret[PASETO_SECRET];
static char pid[PASERK_ID_TEXT];

static int setup(void **state)
{
	static const uint8_t seed[crypto_sign_SEEDBYTES] = {42};
	(void)state;
	if (sodium_init() < 0 || crypto_sign_seed_keypair(public, secret, seed))
		return -1;
	paserk_pid_write(public, pid);
	return 0;
}

#endif
