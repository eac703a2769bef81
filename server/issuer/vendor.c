/* SPDX-License-Identifier: Apache-2.0 */
#include "vendor.h"

#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "passphrase.h"
#include "secret.h"

#define WRAPPED "k4.secret-pw."
#define PUBLIC_FILE_MAX 1024

int vendor_path(const char *dir, const char *file, char *out)
{
	int n = snprintf(out, PATH_MAX, "%s/%s", dir, file);
	return n < 0 || n >= PATH_MAX ? E_TOO_LARGE : 0;
}

static int no_vendor(struct failure *f, const char *path)
{
	failure_set(f, E_NOT_FOUND, "%s: no vendor is there", path);
	return failure_remedy(f, "Make one with 'muster-issuer init', or name its folder with --dir.");
}

int vendor_read_public(const char *dir, uint8_t ret[PASETO_PUBLIC], struct failure *f)
{
	char path[PATH_MAX];
	char *text;
	size_t n;
	int error = vendor_path(dir, VENDOR_PUB, path);
	if (error)
		return failure_set(f, error, "%s", dir);
	error = file_read(path, PUBLIC_FILE_MAX, &text, &n);
	if (error == E_IO && (errno == ENOENT || errno == ENOTDIR))
		return no_vendor(f, path);
	if (error)
		return failure_system(f, error, path);
	error = paserk_public_read(text, strcspn(text, "\r\n"), ret);
	free(text);
	return error ? failure_set(f, error, "%s", path) : 0;
}

int vendor_open(const struct invocation *inv, struct vendor *ret, struct failure *f)
{
	const char *dir = invocation_value_or(inv, "dir", ".");
	uint8_t public[PASETO_PUBLIC];
	char path[PATH_MAX];
	*ret = (struct vendor){0};
	int error = vendor_read_public(dir, ret->public, f);
	if (error)
		return error;
	if (vendor_path(dir, VENDOR_LEDGER, path))
		return failure_set(f, E_TOO_LARGE, "%s", dir);
	error = ledger_open(path, &ret->ledger, ret->name, public, f);
	if (error)
		return error;
	if (memcmp(public, ret->public, PASETO_PUBLIC) != 0)
		return failure_set(f, E_WRONG_VENDOR, "%s and %s in %s do not belong together", VENDOR_PUB,
				   VENDOR_LEDGER, dir);
	paserk_pid_write(ret->public, ret->pid);
	return 0;
}

static int unwrap(const struct invocation *inv, const char *text, uint8_t ret[PASETO_SECRET],
		  struct failure *f)
{
	char *passphrase;
	int error = passphrase_get(inv, false, &passphrase, f);
	if (error)
		return error;
	error = paserk_unwrap(text, strlen(text), passphrase, strlen(passphrase), ret);
	sodium_free(passphrase);
	return error ? failure_set(f, error, VENDOR_KEY) : 0;
}

static int read_secret(const struct invocation *inv, const char *path, uint8_t ret[PASETO_SECRET],
		       struct failure *f)
{
	char *text;
	int error = secret_read_file(path, true, &text, f);
	if (error)
		return error;
	if (strncmp(text, WRAPPED, sizeof(WRAPPED) - 1) == 0)
		error = unwrap(inv, text, ret, f);
	else if (paserk_secret_read(text, strlen(text), ret))
		error = failure_set(f, E_KEY_INVALID, "%s", path);
	sodium_free(text);
	return error;
}

int vendor_unlock(const struct invocation *inv, struct vendor *vendor, struct failure *f)
{
	char path[PATH_MAX];
	if (vendor_path(invocation_value_or(inv, "dir", "."), VENDOR_KEY, path))
		return failure_set(f, E_TOO_LARGE, "--dir");
	vendor->secret = sodium_malloc(PASETO_SECRET);
	if (!vendor->secret)
		return failure_set(f, E_NO_MEMORY, "%s", path);
	int error = read_secret(inv, path, vendor->secret, f);
	if (error)
		return error;
	if (sodium_memcmp(vendor->secret + PASETO_SECRET - PASETO_PUBLIC, vendor->public, PASETO_PUBLIC) !=
	    0) {
		failure_set(f, E_KEY_INVALID, "%s is not the secret half of %s", path, VENDOR_PUB);
		return failure_remedy(f, "Restore both from the same backup of the vendor's folder.");
	}
	return 0;
}

void vendor_close(struct vendor *vendor)
{
	if (vendor->secret)
		sodium_free(vendor->secret);
	vendor->secret = NULL;
	ledger_close(vendor->ledger);
	vendor->ledger = NULL;
}

int vendor_command(struct invocation *inv,
		   int (*run)(const struct invocation *, struct vendor *, struct failure *))
{
	struct vendor vendor = {0};
	struct failure f = {0};
	int error = run(inv, &vendor, &f);
	vendor_close(&vendor);
	return error ? failure_print(inv, &f) : 0;
}
