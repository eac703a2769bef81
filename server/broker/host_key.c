/* SPDX-License-Identifier: Apache-2.0 */
#include "host_key.h"

#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base64url.h"
#include "error.h"
#include "file.h"

#define KEY_FILE_MAX 4096

static void derive(struct host_key *key)
{
	static const char label[] = "muster/1 ratchet";
	memcpy(key->public, key->sign + PASETO_SECRET - PASETO_PUBLIC, PASETO_PUBLIC);
	crypto_generichash(key->ratchet, sizeof(key->ratchet), (const uint8_t *)label, sizeof(label) - 1,
			   key->sign, 32);
	paserk_pid_write(key->public, key->id);
}

static int parse(const char *text, size_t n, struct host_key *key)
{
	uint8_t fixed[NOISE_KEY];
	json_t *object = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
	const char *sign = json_string_value(json_object_get(object, "sign"));
	const char *secret = json_string_value(json_object_get(object, "static"));
	int error = sign && secret ? paserk_secret_read(sign, strlen(sign), key->sign) : E_KEY_INVALID;
	if (!error && base64url_read_exact(secret, strlen(secret), fixed, sizeof(fixed)))
		error = E_KEY_INVALID;
	if (!error)
		noise_pair_from(fixed, &key->fixed);
	json_decref(object);
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
	error = parse(text, n, key);
	sodium_memzero(text, n);
	free(text);
	return error;
}

int host_key_save(const char *path, const struct host_key *key)
{
	char sign[PASERK_SECRET_TEXT];
	char fixed[64];
	paserk_secret_write(key->sign, sign);
	base64url_write(key->fixed.secret, NOISE_KEY, fixed, sizeof(fixed));
	json_t *object = json_pack("{s:i, s:s, s:s}", "schema", 1, "sign", sign, "static", fixed);
	char *text = object ? json_dumps(object, JSON_INDENT(1)) : NULL;
	int error = text ? file_replace(path, text, strlen(text), 0600) : E_NO_MEMORY;
	if (text)
		sodium_memzero(text, strlen(text));
	free(text);
	json_decref(object);
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
