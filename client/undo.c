/* SPDX-License-Identifier: Apache-2.0 */
#include "undo.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "file.h"

#define UNDO_LABEL "muster/1 undo"
#define UNDO_FILE_MAX 65536
#define UNDO_MODE 0600

/* A key of its own: no undo file can be taken for a state file. */
static void derive(const uint8_t mac_key[DEVICE_MAC_KEY], uint8_t ret[DEVICE_MAC_KEY])
{
	crypto_generichash(ret, DEVICE_MAC_KEY, (const uint8_t *)UNDO_LABEL, sizeof(UNDO_LABEL) - 1, mac_key,
			   DEVICE_MAC_KEY);
}

void undo_fini(struct undo *u)
{
	free(u->lease);
	u->lease = NULL;
}

int undo_write(const struct undo *u, const uint8_t mac_key[DEVICE_MAC_KEY], char **ret)
{
	uint8_t key[DEVICE_MAC_KEY];
	json_t *object = json_object();
	claims_begin();
	derive(mac_key, key);
	claims_set_integer(object, "schema", 1);
	claims_set(object, "record", record_write(&u->record));
	if (u->lease)
		claims_set_text(object, "lease", u->lease);
	int error = sealed_write(object, key, ret);
	json_decref(object);
	sodium_memzero(key, sizeof(key));
	return error;
}

int undo_parse(json_t *object, struct undo *ret)
{
	struct claims c = {0};
	int64_t schema = 0;
	memset(ret, 0, sizeof(*ret));
	claims_integer(&c, object, "schema", 1, 1, &schema);
	json_t *record = claims_object(&c, object, "record");
	if (record)
		record_read(&c, record, &ret->record);
	/* Armoured text has line ends, which a claim may not have. */
	json_t *lease = json_object_get(object, "lease");
	if (c.error || (lease && !json_is_string(lease)))
		return E_STATE_TAMPERED;
	if (lease)
		ret->lease = strdup(json_string_value(lease));
	return lease && !ret->lease ? E_NO_MEMORY : 0;
}

int undo_read(const char *text, size_t n, const uint8_t mac_key[DEVICE_MAC_KEY], struct undo *ret)
{
	uint8_t key[DEVICE_MAC_KEY];
	json_t *object = NULL;
	memset(ret, 0, sizeof(*ret));
	derive(mac_key, key);
	int error = sealed_read(text, n, key, &object);
	if (!error)
		error = undo_parse(object, ret);
	json_decref(object);
	sodium_memzero(key, sizeof(key));
	if (error)
		memset(ret, 0, sizeof(*ret));
	return error;
}

int undo_save(const char *path, const struct device *device, const struct undo *u, struct fault *f)
{
	char *text;
	int error = undo_write(u, device->mac_key, &text);
	if (error)
		return fault_code(f, error);
	error = file_replace(path, text, strlen(text), UNDO_MODE);
	free(text);
	/* STORE_FULL speaks of the host's disk. */
	return error ? fault_system(f, error == E_STORE_FULL ? E_IO : error, path) : 0;
}

int undo_load(const char *path, const struct device *device, const char *product, struct undo *ret,
	      struct fault *f)
{
	char *text;
	size_t n;
	memset(ret, 0, sizeof(*ret));
	int error = file_read(path, UNDO_FILE_MAX, &text, &n);
	if (error == E_IO)
		return fault_system(f, error, path);
	if (error)
		return fault_set(f, error == E_TOO_LARGE ? E_STATE_TAMPERED : error, "%s", path);
	error = undo_read(text, n, device->mac_key, ret);
	free(text);
	if (error)
		return fault_set(f, error, "%s: it was changed, or is another machine's", path);
	if (strcmp(ret->record.product, product) != 0)
		error = fault_set(f, E_WRONG_PRODUCT, "%s: it is for %s", path, ret->record.product);
	if (error)
		undo_fini(ret);
	return error;
}
