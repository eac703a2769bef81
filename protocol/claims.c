/* SPDX-License-Identifier: Apache-2.0 */
#include "claims.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "error.h"
#include "jsontext.h"
#include "rfc3339.h"

void claims_fault(struct claims *c, const char *where)
{
	if (c->error)
		return;
	c->error = E_CLAIM_INVALID;
	snprintf(c->where, sizeof(c->where), "%s", where);
}

void *claims_room(struct claims *c, size_t n, size_t size)
{
	void *room = calloc(n, size);
	if (!room && !c->error)
		c->error = E_NO_MEMORY;
	return room;
}

int claims_load(const void *text, size_t n, json_t **ret)
{
	json_t *document = NULL;
	int error = jsontext_read(text, n, &document, NULL);
	if (json_is_object(document)) {
		*ret = document;
		return 0;
	}
	json_decref(document);
	return error == E_NO_MEMORY ? error : E_CLAIM_INVALID;
}

bool claims_has(json_t *object, const char *key)
{
	json_t *member = json_object_get(object, key);
	return member && !json_is_null(member);
}

/* Text that people may see on a terminal: no control characters, and none of U+0080 to U+009F (C2 80 to C2
 * 9F). */
static bool printable(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
		if ((unsigned char)*text == 0xc2 && (unsigned char)text[1] < 0xa0)
			return false;
	}
	return true;
}

void claims_text(struct claims *c, json_t *object, const char *key, char *out, size_t room)
{
	if (c->error)
		return;
	json_t *member = json_object_get(object, key);
	const char *text = json_string_value(member);
	if (!text || json_string_length(member) >= room || !*text || !printable(text)) {
		claims_fault(c, key);
		return;
	}
	memcpy(out, text, json_string_length(member) + 1);
}

void claims_text_opt(struct claims *c, json_t *object, const char *key, char *out, size_t room)
{
	if (claims_has(object, key))
		claims_text(c, object, key, out, room);
}

bool user_ok(const char *text)
{
	size_t n = strlen(text);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f || strchr(",;\"'`\\/", text[i]))
			return false;
	return n > 0 && n <= LIMIT_USER;
}

bool slug_ok(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-._";
	size_t n = strlen(text);
	if (n == 0 || n > LIMIT_ID || strchr("-._", text[0]))
		return false;
	return strspn(text, allowed) == n;
}

void claims_slug(struct claims *c, json_t *object, const char *key, char out[LIMIT_ID + 1])
{
	claims_text(c, object, key, out, LIMIT_ID + 1);
	if (!c->error && !slug_ok(out))
		claims_fault(c, key);
}

void claims_integer(struct claims *c, json_t *object, const char *key, int64_t min, int64_t max, int64_t *ret)
{
	if (c->error)
		return;
	json_t *member = json_object_get(object, key);
	int64_t value = json_integer_value(member);
	if (!json_is_integer(member) || value < min || value > max)
		claims_fault(c, key);
	else
		*ret = value;
}

void claims_integer_opt(struct claims *c, json_t *object, const char *key, int64_t min, int64_t max,
			int64_t *ret)
{
	if (claims_has(object, key))
		claims_integer(c, object, key, min, max, ret);
}

void claims_u32_opt(struct claims *c, json_t *object, const char *key, uint32_t max, uint32_t *ret)
{
	int64_t value = *ret;
	claims_integer_opt(c, object, key, 0, max, &value);
	*ret = (uint32_t)value;
}

void claims_time(struct claims *c, json_t *object, const char *key, int64_t *ret)
{
	if (c->error)
		return;
	const char *text = json_string_value(json_object_get(object, key));
	if (!text || rfc3339_read(text, ret))
		claims_fault(c, key);
}

void claims_time_opt(struct claims *c, json_t *object, const char *key, int64_t *ret)
{
	if (claims_has(object, key))
		claims_time(c, object, key, ret);
}

void claims_bool_opt(struct claims *c, json_t *object, const char *key, bool *ret)
{
	if (c->error || !claims_has(object, key))
		return;
	json_t *member = json_object_get(object, key);
	if (json_is_boolean(member))
		*ret = json_is_true(member);
	else
		claims_fault(c, key);
}

void claims_bytes(struct claims *c, json_t *object, const char *key, uint8_t *out, size_t n)
{
	if (c->error)
		return;
	json_t *member = json_object_get(object, key);
	const char *text = json_string_value(member);
	if (!text || base64url_read_exact(text, json_string_length(member), out, n))
		claims_fault(c, key);
}

void claims_public(struct claims *c, json_t *object, const char *key, uint8_t ret[PASETO_PUBLIC])
{
	if (c->error)
		return;
	json_t *member = json_object_get(object, key);
	const char *text = json_string_value(member);
	if (!text || paserk_public_read(text, json_string_length(member), ret))
		claims_fault(c, key);
}

json_t *claims_object(struct claims *c, json_t *object, const char *key)
{
	if (c->error)
		return NULL;
	json_t *member = json_object_get(object, key);
	if (json_is_object(member))
		return member;
	claims_fault(c, key);
	return NULL;
}

json_t *claims_array_opt(struct claims *c, json_t *object, const char *key, size_t max, size_t *ret_n)
{
	*ret_n = 0;
	if (c->error || !claims_has(object, key))
		return NULL;
	json_t *member = json_object_get(object, key);
	if (!json_is_array(member) || json_array_size(member) > max) {
		claims_fault(c, key);
		return NULL;
	}
	*ret_n = json_array_size(member);
	return member;
}

void claims_slugs_opt(struct claims *c, json_t *object, const char *key, char (*out)[LIMIT_ID + 1],
		      size_t max, size_t *ret_n)
{
	size_t n;
	json_t *array = claims_array_opt(c, object, key, max, &n);
	for (size_t i = 0; i < n && !c->error; i++) {
		const char *text = json_string_value(json_array_get(array, i));
		if (!text || !slug_ok(text)) {
			claims_fault(c, key);
			return;
		}
		memcpy(out[i], text, strlen(text) + 1);
		for (size_t j = 0; j < i; j++)
			if (strcmp(out[i], out[j]) == 0)
				claims_fault(c, key);
	}
	*ret_n = n;
}

const char *claims_footer(const struct claims_head *head)
{
	return head->footer ? head->footer : head->iss;
}

void claims_head(struct claims *c, json_t *object, struct claims_head *ret)
{
	claims_text(c, object, "iss", ret->iss, sizeof(ret->iss));
	claims_time(c, object, "iat", &ret->iat);
	claims_text(c, object, "jti", ret->jti, sizeof(ret->jti));
}

/* A document is built on one thread without another one in between, so that this is enough. */
static _Thread_local bool incomplete;

void claims_begin(void)
{
	incomplete = false;
}

int claims_made(void)
{
	return incomplete ? E_NO_MEMORY : 0;
}

void claims_set(json_t *object, const char *key, json_t *value)
{
	incomplete |= json_object_set_new(object, key, value) != 0;
}

void claims_append(json_t *array, json_t *value)
{
	incomplete |= json_array_append_new(array, value) != 0;
}

void claims_set_text(json_t *object, const char *key, const char *text)
{
	claims_set(object, key, json_string(text));
}

void claims_set_integer(json_t *object, const char *key, int64_t value)
{
	claims_set(object, key, json_integer(value));
}

void claims_set_time(json_t *object, const char *key, int64_t time)
{
	char text[RFC3339_TEXT];
	claims_set_text(object, key, rfc3339_write(time, text));
}

void claims_set_bytes(json_t *object, const char *key, const void *bytes, size_t n)
{
	char text[96];
	base64url_write(bytes, n, text, sizeof(text));
	claims_set_text(object, key, text);
}

void claims_set_public(json_t *object, const char *key, const uint8_t public[PASETO_PUBLIC])
{
	char text[PASERK_PUBLIC_TEXT];
	paserk_public_write(public, text);
	claims_set_text(object, key, text);
}

void claims_set_slugs(json_t *object, const char *key, const char (*slugs)[LIMIT_ID + 1], size_t n)
{
	json_t *array = json_array();
	for (size_t i = 0; i < n; i++)
		claims_append(array, json_string(slugs[i]));
	claims_set(object, key, array);
}

void claims_jti(char out[CLAIMS_JTI])
{
	uint8_t bytes[16];
	randombytes_buf(bytes, sizeof(bytes));
	base64url_write(bytes, sizeof(bytes), out, CLAIMS_JTI);
}
