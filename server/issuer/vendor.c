/* SPDX-License-Identifier: Apache-2.0 */
#include "vendor.h"

#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
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

int vendor_file(const struct invocation *inv, const char *file, char out[PATH_MAX], struct failure *f)
{
	int error = vendor_path(invocation_value_or(inv, "dir", "."), file, out);
	return error ? failure_set(f, error, "--dir") : 0;
}

static int no_vendor(struct failure *f, const char *path)
{
	failure_set(f, E_NOT_FOUND, "%s: no vendor is there", path);
	return failure_remedy(f, "Make one with 'muster-issuer init', or name its folder with --dir.");
}

int vendor_read_roots(const char *dir, struct roots *ret, struct failure *f)
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
	error = roots_read(text, n, ret);
	free(text);
	return error ? failure_set(f, error, "%s", path) : 0;
}

int vendor_open(const struct invocation *inv, struct vendor *ret, struct failure *f)
{
	const char *dir = invocation_value_or(inv, "dir", ".");
	uint8_t public[PASETO_PUBLIC];
	char path[PATH_MAX];
	*ret = (struct vendor){0};
	int error = vendor_read_roots(dir, &ret->roots, f);
	if (error)
		return error;
	if (vendor_path(dir, VENDOR_LEDGER, path))
		return failure_set(f, E_TOO_LARGE, "%s", dir);
	error = ledger_open(path, &ret->ledger, ret->name, public, f);
	if (error)
		return error;
	if (memcmp(public, ret->roots.keys[0], PASETO_PUBLIC) != 0)
		return failure_set(f, E_WRONG_VENDOR, "%s and %s in %s do not belong together", VENDOR_PUB,
				   VENDOR_LEDGER, dir);
	paserk_pid_write(ret->roots.keys[0], ret->pid);
	return 0;
}

static int unwrap(const struct invocation *inv, const char *path, const char *text,
		  uint8_t ret[PASETO_SECRET], struct failure *f)
{
	char *passphrase;
	int error = passphrase_get(inv, false, &passphrase, f);
	if (error)
		return error;
	error = paserk_unwrap(text, strlen(text), passphrase, strlen(passphrase), ret);
	sodium_free(passphrase);
	return error ? failure_set(f, error, "%s", path) : 0;
}

static int read_secret(const struct invocation *inv, const char *path, uint8_t ret[PASETO_SECRET],
		       struct failure *f)
{
	char *text;
	int error = secret_read_file(path, true, &text, f);
	if (error)
		return error;
	if (strncmp(text, WRAPPED, sizeof(WRAPPED) - 1) == 0)
		error = unwrap(inv, path, text, ret, f);
	else if (paserk_secret_read(text, strlen(text), ret))
		error = failure_set(f, E_KEY_INVALID, "%s", path);
	sodium_free(text);
	return error;
}

/* Take a secret key of the folder; *ret_path: where it lay. */
static int take_secret(const struct invocation *inv, struct vendor *vendor, const char *file,
		       char ret_path[PATH_MAX], struct failure *f)
{
	if (vendor_file(inv, file, ret_path, f))
		return f->code;
	vendor->secret = sodium_malloc(PASETO_SECRET);
	if (!vendor->secret)
		return failure_set(f, E_NO_MEMORY, "%s", ret_path);
	return read_secret(inv, ret_path, vendor->secret, f);
}

static const uint8_t *public_half(const struct vendor *vendor)
{
	return vendor->secret + PASETO_SECRET - PASETO_PUBLIC;
}

int vendor_unlock(const struct invocation *inv, struct vendor *vendor, struct failure *f)
{
	char path[PATH_MAX];
	int error = take_secret(inv, vendor, VENDOR_KEY, path, f);
	if (error == E_NOT_FOUND)
		return failure_remedy(f, "Put the root's key back for this; licenses and certificates can be "
					 "signed with an issuing key.");
	if (error)
		return error;
	if (!roots_have(&vendor->roots, public_half(vendor))) {
		failure_set(f, E_KEY_INVALID, "%s is not the secret half of %s", path, VENDOR_PUB);
		return failure_remedy(f, "Restore both from the same backup of the vendor's folder.");
	}
	paserk_pid_write(public_half(vendor), vendor->footer);
	return 0;
}

int vendor_statement(const struct invocation *inv, const struct vendor *vendor, struct issuing_key *ret,
		     char **ret_token, struct failure *f)
{
	char path[PATH_MAX];
	struct claims fault;
	*ret_token = NULL;
	if (vendor_file(inv, VENDOR_STATEMENT, path, f))
		return f->code;
	int error = token_load(&token_key, path, ret_token);
	if (error == E_IO && errno == ENOENT)
		return 0;
	if (error)
		return failure_system(f, error, path);
	error = issuing_key_open(*ret_token, strlen(*ret_token), &vendor->roots, ret, NULL, &fault);
	if (!error)
		return 0;
	free(*ret_token);
	*ret_token = NULL;
	return failure_set(f, error, "%s", path);
}

static int unlock_issuing(const struct invocation *inv, struct vendor *vendor, const char *statement,
			  const struct issuing_key *key, struct failure *f)
{
	char path[PATH_MAX];
	int error = take_secret(inv, vendor, VENDOR_ISSUING, path, f);
	if (error)
		return error;
	if (sodium_memcmp(public_half(vendor), key->key, PASETO_PUBLIC) != 0) {
		failure_set(f, E_KEY_INVALID, "%s is not the key of %s", path, VENDOR_STATEMENT);
		return failure_remedy(f, "Restore both from the same backup, or make a new one with "
					 "'muster-issuer issuing create'.");
	}
	vendor->issuing = *key;
	snprintf(vendor->footer, sizeof(vendor->footer), "%s", statement);
	return 0;
}

int vendor_unlock_for(const struct invocation *inv, struct vendor *vendor, enum issuing_use use,
		      struct failure *f)
{
	struct issuing_key key = {0};
	char *statement;
	int error = vendor_statement(inv, vendor, &key, &statement, f);
	if (error)
		return error;
	bool fits = statement && (key.uses & use) && issuing_key_at(&key, issuer_now(inv)) == 0;
	error = fits ? unlock_issuing(inv, vendor, statement, &key, f) : vendor_unlock(inv, vendor, f);
	free(statement);
	return error;
}

void vendor_head(const struct vendor *vendor, struct claims_head *head, int64_t now)
{
	memcpy(head->iss, vendor->pid, sizeof(head->iss));
	head->footer = vendor->footer;
	head->iat = now;
	claims_jti(head->jti);
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
