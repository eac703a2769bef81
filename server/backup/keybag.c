/* SPDX-License-Identifier: Apache-2.0 */
#include "keybag.h"

#include <jansson.h>
#include <sodium.h>
#include <string.h>

#include "error.h"
#include "jsontext.h"

int keybag_write(const struct host_key *key, const char *passphrase, size_t n, char **ret)
{
	char sign[PASERK_SECRET_PW_TEXT];
	char fixed[PASERK_SECRET_PW_TEXT];
	int error = paserk_wrap(key->sign, passphrase, n, PASERK_COST_DEFAULT, sign);
	if (!error)
		error = paserk_wrap_local(key->fixed.secret, passphrase, n, PASERK_COST_DEFAULT, fixed);
	if (error)
		return error;
	json_t *object = json_pack("{s:s, s:s}", "sign", sign, "static", fixed);
	*ret = object ? jsontext_write(object, JSON_COMPACT) : NULL;
	json_decref(object);
	return *ret ? 0 : E_NO_MEMORY;
}

int keybag_read(const char *text, const char *passphrase, size_t n, struct host_key **ret)
{
	uint8_t secret[PASETO_SECRET];
	uint8_t fixed_secret[PASERK_LOCAL];
	json_t *object = NULL;
	int loaded = claims_load(text, strlen(text), &object);
	const char *sign = json_string_value(json_object_get(object, "sign"));
	const char *fixed = json_string_value(json_object_get(object, "static"));
	int error = loaded == E_NO_MEMORY ? loaded : sign && fixed ? 0 : E_BACKUP_DAMAGED;
	if (!error)
		error = paserk_unwrap(sign, strlen(sign), passphrase, n, secret);
	if (!error)
		error = paserk_unwrap_local(fixed, strlen(fixed), passphrase, n, fixed_secret);
	if (!error)
		error = host_key_make(secret, fixed_secret, ret);
	json_decref(object);
	sodium_memzero(secret, sizeof(secret));
	sodium_memzero(fixed_secret, sizeof(fixed_secret));
	return error == E_KEY_INVALID ? E_BACKUP_DAMAGED : error;
}
