/* SPDX-License-Identifier: Apache-2.0 */
#include "host_key.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base64url.h"
#include "error.h"
#include "file.h"

#define KEY_FILE_MAX 4096
#define KEY_TITLE "muster-host-key 1"
#define KEY_SIGN "sign "
#define KEY_STATIC "static "

static void derive(struct host_key *key)
{
	static const char label[] = "muster/1 ratchet";
	memcpy(key->public, key->sign + PASETO_SECRET - PASETO_PUBLIC, PASETO_PUBLIC);
	crypto_generichash(key->ratchet, sizeof(key->ratchet), (const uint8_t *)label, sizeof(label) - 1,
			   key->sign, 32);
	paserk_pid_write(key->public, key->id);
}

/* The line "NAME value" at *text, which moves behind it; NULL: it is another line. *ret_n: of the value. */
static const char *take_line(const char **text, const char *name, size_t *ret_n)
{
	size_t n = strlen(name);
	if (strncmp(*text, name, n) != 0)
		return NULL;
	const char *value = *text + n;
	*ret_n = strcspn(value, "\n");
	if (value[*ret_n] != '\n')
		return NULL;
	*text = value + *ret_n + 1;
	return value;
}

/* No JSON: its parser would leave copies of the secrets behind. */
static int parse(const char *text, struct host_key *key)
{
	uint8_t fixed[NOISE_KEY];
	size_t n;
	size_t fixed_n;
	const char *title = take_line(&text, KEY_TITLE, &n);
	const char *sign = title && n == 0 ? take_line(&text, KEY_SIGN, &n) : NULL;
	const char *secret = sign ? take_line(&text, KEY_STATIC, &fixed_n) : NULL;
	int error = secret && !*text ? paserk_secret_read(sign, n, key->sign) : E_KEY_INVALID;
	if (!error && base64url_read_exact(secret, fixed_n, fixed, sizeof(fixed)))
		error = E_KEY_INVALID;
	if (!error)
		noise_pair_from(fixed, &key->fixed);
	sodium_memzero(fixed, sizeof(fixed));
	return error;
}

static int load(const char *path, struct host_key *key)
{
	struct stat st;
	char *text;
	size_t n;
	if (stat(path, &st))
		return errno == ENOENT ? E_NOT_FOUND : E_IO;
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return E_INSECURE;
	int error = file_read(path, KEY_FILE_MAX, &text, &n);
	if (error)
		return error;
	error = parse(text, key);
	sodium_memzero(text, n);
	free(text);
	return error;
}

int host_key_save(const char *path, const struct host_key *key)
{
	char text[KEY_FILE_MAX];
	char sign[PASERK_SECRET_TEXT];
	char fixed[64];
	paserk_secret_write(key->sign, sign);
	base64url_write(key->fixed.secret, NOISE_KEY, fixed, sizeof(fixed));
	int n = snprintf(text, sizeof(text), KEY_TITLE "\n" KEY_SIGN "%s\n" KEY_STATIC "%s\n", sign, fixed);
	int error = file_replace(path, text, (size_t)n, 0600);
	sodium_memzero(text, sizeof(text));
	sodium_memzero(sign, sizeof(sign));
	sodium_memzero(fixed, sizeof(fixed));
	return error;
}

static int make(const char *path, struct host_key *key)
{
	uint8_t public[PASETO_PUBLIC];
	crypto_sign_keypair(public, key->sign);
	noise_pair_make(&key->fixed);
	return host_key_save(path, key);
}

int host_key_make(const uint8_t sign[PASETO_SECRET], const uint8_t fixed[NOISE_KEY], struct host_key **ret)
{
	struct host_key *key = sodium_malloc(sizeof(*key));
	if (!key)
		return E_NO_MEMORY;
	memcpy(key->sign, sign, PASETO_SECRET);
	noise_pair_from(fixed, &key->fixed);
	derive(key);
	*ret = key;
	return 0;
}

int host_key_open(const char *path, struct host_key **ret)
{
	struct host_key *key = sodium_malloc(sizeof(*key));
	if (!key)
		return E_NO_MEMORY;
	int error = load(path, key);
	if (error == E_NOT_FOUND)
		error = make(path, key);
	if (error) {
		sodium_free(key);
		return error;
	}
	derive(key);
	*ret = key;
	return 0;
}

void host_key_free(struct host_key *key)
{
	sodium_free(key);
}
