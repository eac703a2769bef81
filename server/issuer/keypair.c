/* SPDX-License-Identifier: Apache-2.0 */
#include "keypair.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "option.h"
#include "passphrase.h"
#include "secret.h"

#define MEMORY_MIN_MIB 8

static int read_cost(const struct invocation *inv, struct paserk_cost *ret, struct failure *f)
{
	int64_t mib = (int64_t)(ret->memory >> 20);
	int64_t passes = ret->passes;
	if (option_integer(inv, "memory", MEMORY_MIN_MIB, PASERK_MEMORY_MAX >> 20, &mib, f) ||
	    option_integer(inv, "passes", 1, PASERK_PASSES_MAX, &passes, f))
		return f->code;
	ret->memory = (uint64_t)mib << 20;
	ret->passes = (uint32_t)passes;
	return 0;
}

static int wrap(const struct invocation *inv, struct keypair *keys, struct failure *f)
{
	struct paserk_cost cost = PASERK_COST_DEFAULT;
	char *passphrase = NULL;
	int error = read_cost(inv, &cost, f);
	if (!error)
		error = passphrase_get(inv, true, &passphrase, f);
	if (error)
		return error;
	error = paserk_wrap(keys->secret, passphrase, strlen(passphrase), cost, keys->text);
	sodium_free(passphrase);
	if (!error)
		return 0;
	failure_set(f, error, "wrapping the key takes %d MiB", (int)(cost.memory >> 20));
	return failure_remedy(f, "Free memory, or give a smaller --memory.");
}

int keypair_make(const struct invocation *inv, struct keypair *keys, struct failure *f)
{
	keys->secret = sodium_malloc(PASETO_SECRET);
	keys->text = secret_new();
	if (!keys->secret || !keys->text)
		return failure_set(f, E_NO_MEMORY, "a new key");
	crypto_sign_keypair(keys->public, keys->secret);
	if (!invocation_has(inv, "no-passphrase"))
		return wrap(inv, keys, f);
	paserk_secret_write(keys->secret, keys->text);
	return 0;
}

void keypair_fini(struct keypair *keys)
{
	if (keys->secret)
		sodium_free(keys->secret);
	if (keys->text)
		sodium_free(keys->text);
}

int keypair_check(const struct invocation *inv, struct failure *f)
{
	if (!invocation_has(inv, "no-passphrase"))
		return 0;
	if (invocation_has(inv, "passphrase"))
		return failure_set(f, E_USAGE, "--passphrase and --no-passphrase exclude each other");
	if (invocation_has(inv, "memory") || invocation_has(inv, "passes"))
		return failure_set(f, E_USAGE, "--memory and --passes are the cost of a passphrase");
	return 0;
}

int keypair_save(const struct keypair *keys, const char *path, struct failure *f)
{
	if (access(path, F_OK) == 0) {
		failure_set(f, E_DUPLICATE, "%s", path);
		return failure_remedy(f, "Move it away first; a key is never replaced.");
	}
	return secret_write_line(path, keys->text, 0600, f);
}
