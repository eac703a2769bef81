/* SPDX-License-Identifier: Apache-2.0 */
#include "device.h"

#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base64url.h"
#include "error.h"
#include "file.h"
#include "folder.h"

#define KEY_FILE "device.key"
#define KEY_FILE_MAX 1024
#define KEY_MODE 0600
#define KEY_TITLE "muster-device-key 1\n"
#define KEY_STATIC "static "
#define KEY_SIGN "sign "
#define KEY_MAC "mac "
#define MAC_LABEL "muster/1 state"
#define FIXED_LABEL "muster/1 identity static"
#define SIGN_LABEL "muster/1 identity sign"
#define SEED_LABEL "muster/1 spread"

static const char *const origin_names[ORIGIN_PARTS] = {
	[ORIGIN_UUID] = "uuid ",
	[ORIGIN_MACHINE_ID] = "machine-id ",
};

void device_free(struct device *d)
{
	sodium_free(d); /* wipes it, and takes NULL */
}

static void derive(struct device *d, const uint8_t fixed[NOISE_KEY],
		   const uint8_t seed[crypto_sign_SEEDBYTES])
{
	crypto_generichash_state state;
	noise_pair_from(fixed, &d->fixed);
	crypto_sign_seed_keypair(d->sign_public, d->sign_secret, seed);
	device_id(d->fixed.public, d->sign_public, d->id);
	device_id_write(d->id, d->text);
	crypto_generichash_init(&state, fixed, NOISE_KEY, DEVICE_MAC_KEY);
	crypto_generichash_update(&state, (const uint8_t *)MAC_LABEL, sizeof(MAC_LABEL) - 1);
	crypto_generichash_update(&state, seed, crypto_sign_SEEDBYTES);
	crypto_generichash_final(&state, d->mac_key, DEVICE_MAC_KEY);
	sodium_memzero(&state, sizeof(state));
}

/* The line "NAME base64url" at *text, which moves behind it. */
static bool take_line(const char **text, const char *name, uint8_t *out, size_t n)
{
	size_t length = strlen(name);
	if (strncmp(*text, name, length) != 0)
		return false;
	const char *value = *text + length;
	size_t value_n = strcspn(value, "\n");
	if (value[value_n] != '\n' || base64url_read_exact(value, value_n, out, n))
		return false;
	*text = value + value_n + 1;
	return true;
}

/* The optional lines behind the keys: the MAC key of a former identity, and the machine's tags. */
static void take_rest(const char **text, struct device *d)
{
	take_line(text, KEY_MAC, d->mac_key, sizeof(d->mac_key));
	for (size_t i = 0; i < ORIGIN_PARTS; i++)
		d->origin.known[i] = take_line(text, origin_names[i], d->origin.tag[i], ORIGIN_TAG);
}

/* No JSON: its parser would leave copies of the secrets behind. */
static int parse(const char *text, struct device *ret)
{
	uint8_t fixed[NOISE_KEY];
	uint8_t seed[crypto_sign_SEEDBYTES];
	memset(ret, 0, sizeof(*ret));
	bool ok = strncmp(text, KEY_TITLE, sizeof(KEY_TITLE) - 1) == 0;
	if (ok)
		text += sizeof(KEY_TITLE) - 1;
	ok = ok && take_line(&text, KEY_STATIC, fixed, sizeof(fixed)) &&
	     take_line(&text, KEY_SIGN, seed, sizeof(seed));
	if (ok) {
		derive(ret, fixed, seed);
		take_rest(&text, ret);
		ok = *text == 0;
	}
	sodium_memzero(fixed, sizeof(fixed));
	sodium_memzero(seed, sizeof(seed));
	return ok ? 0 : E_STATE_TAMPERED;
}

static int check_file(const char *path, struct fault *f)
{
	struct stat st;
	if (lstat(path, &st))
		return fault_system(f, errno == ENOENT ? E_NOT_FOUND : E_IO, path);
	if (!S_ISREG(st.st_mode) || !folder_private(&st) || (st.st_mode & 077))
		return fault_set(f, E_INSECURE, "%s: it must be a file of mode 0600", path);
	return 0;
}

static int read_key(const char *path, struct device *d, struct fault *f)
{
	char *text;
	size_t n;
	int error = file_read(path, KEY_FILE_MAX, &text, &n);
	if (error == E_IO)
		return fault_system(f, error, path);
	if (error)
		return fault_set(f, error == E_TOO_LARGE ? E_STATE_TAMPERED : error, "%s", path);
	error = parse(text, d);
	sodium_memzero(text, n);
	free(text);
	return error ? fault_set(f, error, "%s", path) : 0;
}

int device_load(const char *folder, struct device **ret, struct fault *f)
{
	char path[PATH_MAX];
	if (folder_path(folder, KEY_FILE, path, sizeof(path)))
		return fault_set(f, E_TOO_LARGE, "%s", folder);
	int error = check_file(path, f);
	if (error)
		return error;
	struct device *d = sodium_malloc(sizeof(*d));
	if (!d)
		return fault_code(f, E_NO_MEMORY);
	error = read_key(path, d, f);
	if (error)
		device_free(d);
	else
		*ret = d;
	return error;
}

/* "NAME base64url" as one more line. */
static void put_line(char *text, size_t room, const char *name, const uint8_t *bytes, size_t n)
{
	size_t used = strlen(text);
	used += (size_t)snprintf(text + used, room - used, "%s", name);
	base64url_write(bytes, n, text + used, room - used);
	used += strlen(text + used);
	snprintf(text + used, room - used, "\n");
}

static void new_key_text(const struct parts *parts, const struct device *former, struct device *d, char *out,
			 size_t room)
{
	struct noise_pair fixed;
	uint8_t seed[crypto_sign_SEEDBYTES];
	noise_pair_make(&fixed);
	randombytes_buf(seed, sizeof(seed));
	derive(d, fixed.secret, seed);
	struct origin origin = origin_of(parts, former ? former->mac_key : d->mac_key);
	snprintf(out, room, KEY_TITLE);
	put_line(out, room, KEY_STATIC, fixed.secret, NOISE_KEY);
	put_line(out, room, KEY_SIGN, seed, sizeof(seed));
	if (former)
		put_line(out, room, KEY_MAC, former->mac_key, DEVICE_MAC_KEY);
	for (size_t i = 0; i < ORIGIN_PARTS; i++)
		if (origin.known[i])
			put_line(out, room, origin_names[i], origin.tag[i], ORIGIN_TAG);
	sodium_memzero(&fixed, sizeof(fixed));
	sodium_memzero(seed, sizeof(seed));
}

int device_make(const char *folder, const struct parts *parts, const struct device *former,
		struct device **ret, struct fault *f)
{
	char path[PATH_MAX];
	char text[KEY_FILE_MAX];
	if (folder_path(folder, KEY_FILE, path, sizeof(path)))
		return fault_set(f, E_TOO_LARGE, "%s", folder);
	struct device *d = sodium_malloc(sizeof(*d));
	if (!d)
		return fault_code(f, E_NO_MEMORY);
	new_key_text(parts, former, d, text, sizeof(text));
	device_free(d);
	int error = file_replace(path, text, strlen(text), KEY_MODE);
	sodium_memzero(text, sizeof(text));
	if (error)
		return fault_system(f, error == E_STORE_FULL ? E_IO : error, path);
	return device_load(folder, ret, f);
}

bool device_is_copy(const struct device *d, const struct parts *parts)
{
	struct origin now = origin_of(parts, d->mac_key);
	return !d->chosen && origin_differs(&d->origin, &now);
}

static void derive_from(const char *label, const uint8_t seed[DEVICE_SEED], uint8_t ret[DEVICE_SEED])
{
	crypto_generichash(ret, DEVICE_SEED, (const uint8_t *)label, strlen(label), seed, DEVICE_SEED);
}

/* It may be a link, as secrets of Kubernetes are, and its group may read it. */
static int check_seed(const char *path, struct fault *f)
{
	struct stat st;
	if (stat(path, &st))
		return fault_system(f, E_IO, path);
	if (!S_ISREG(st.st_mode) || !folder_private(&st) || (st.st_mode & 027))
		return fault_set(f, E_INSECURE, "%s: it must be a file of mode 0600 or 0640", path);
	return 0;
}

int device_from_seed(const char *path, struct device **ret, struct fault *f)
{
	char *seed;
	size_t n;
	uint8_t fixed[DEVICE_SEED];
	uint8_t sign[DEVICE_SEED];
	int error = check_seed(path, f);
	if (error)
		return error;
	error = file_read(path, DEVICE_SEED, &seed, &n);
	if (error == E_IO)
		return fault_system(f, error, path);
	if (error && error != E_TOO_LARGE)
		return fault_set(f, error, "%s", path);
	if (error || n != DEVICE_SEED || sodium_is_zero((const uint8_t *)seed, n)) {
		if (!error)
			free(seed);
		return fault_set(f, E_KEY_INVALID, "%s: an identity is a file of %d random bytes", path,
				 DEVICE_SEED);
	}
	struct device *d = sodium_malloc(sizeof(*d));
	if (d) {
		memset(d, 0, sizeof(*d));
		derive_from(FIXED_LABEL, (const uint8_t *)seed, fixed);
		derive_from(SIGN_LABEL, (const uint8_t *)seed, sign);
		derive(d, fixed, sign);
		d->chosen = true;
		*ret = d;
	}
	sodium_memzero(seed, n);
	free(seed);
	sodium_memzero(fixed, sizeof(fixed));
	sodium_memzero(sign, sizeof(sign));
	return d ? 0 : fault_code(f, E_NO_MEMORY);
}

uint64_t device_seed(const struct device *d, const char *product)
{
	uint64_t seed;
	crypto_generichash_state state;
	crypto_generichash_init(&state, NULL, 0, crypto_generichash_BYTES_MIN);
	uint8_t hash[crypto_generichash_BYTES_MIN];
	crypto_generichash_update(&state, (const uint8_t *)SEED_LABEL, sizeof(SEED_LABEL) - 1);
	crypto_generichash_update(&state, d->id, DEVICE_ID);
	crypto_generichash_update(&state, (const uint8_t *)product, strlen(product));
	crypto_generichash_final(&state, hash, sizeof(hash));
	memcpy(&seed, hash, sizeof(seed));
	return seed;
}
