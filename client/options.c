/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <ctype.h>
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "claims.h"
#include "endpoint.h"
#include "error.h"
#include "roots.h"

#define TIMEOUT_MIN_MS 100
#define TIMEOUT_MAX_MS 600000
#define TYPED_MAX 255
#define PATH_TEXT_MAX 3000 /* room is left for the names of files below it */

static const struct option_row rows[OPTION_COUNT] = {
#define OPT(symbol, name, kind, fallback, repeatable, secret, prose)                                         \
	{name, fallback, repeatable, secret, prose},
#include "options.def"
#undef OPT
};

const struct option_row *option_rows(size_t *ret_count)
{
	*ret_count = OPTION_COUNT;
	return rows;
}

/* --- what a value must look like --- */

static bool ok_TEXT(const char *value)
{
	size_t n = strlen(value);
	for (size_t i = 0; i < n; i++)
		if (!isprint((unsigned char)value[i]))
			return false;
	return n > 0 && n <= LIMIT_ID;
}

static bool ok_PATH(const char *value)
{
	return *value && strlen(value) <= PATH_TEXT_MAX;
}

static bool ok_HOST(const char *value)
{
	struct endpoint ignored;
	return endpoint_read(value, &ignored) == 0;
}

static bool ok_DOMAIN(const char *value)
{
	return endpoint_name_ok(value);
}

static bool ok_NAME(const char *value)
{
	return endpoint_name_ok(value);
}

static bool ok_ADDRESS(const char *value)
{
	struct endpoint at;
	return endpoint_read(value, &at) == 0 && endpoint_is_address(&at);
}

static bool ok_KEY(const char *value)
{
	struct roots ignored;
	return roots_read(value, strlen(value), &ignored) == 0;
}

static bool ok_MILLISECONDS(const char *value)
{
	char *end;
	if (!isdigit((unsigned char)*value))
		return false;
	long ms = strtol(value, &end, 10);
	return *end == 0 && ms >= TIMEOUT_MIN_MS && ms <= TIMEOUT_MAX_MS;
}

static bool ok_SLUG(const char *value)
{
	return slug_ok(value);
}

static bool ok_SLUGS(const char *value)
{
	char ignored[LIMIT_PLANS][LIMIT_ID + 1];
	size_t n;
	return options_slugs(value, ignored, &n);
}

static bool ok_VERSION(const char *value)
{
	return ok_TEXT(value) && strlen(value) <= LIMIT_VERSION;
}

/* What a person typed is judged where it is used, with a code of its own. */
static bool ok_TYPED(const char *value)
{
	return strlen(value) <= TYPED_MAX;
}

static bool ok_FLAG(const char *value)
{
	return strcmp(value, "0") == 0 || strcmp(value, "1") == 0;
}

static bool (*const checks[OPTION_COUNT])(const char *) = {
#define OPT(symbol, name, kind, fallback, repeatable, secret, prose) ok_##kind,
#include "options.def"
#undef OPT
};

bool options_slugs(const char *text, char (*out)[LIMIT_ID + 1], size_t *ret_n)
{
	size_t n = 0;
	for (;;) {
		size_t length = strcspn(text, ",");
		if (n == LIMIT_PLANS || length > LIMIT_ID)
			return false;
		memcpy(out[n], text, length);
		out[n][length] = 0;
		if (!slug_ok(out[n]))
			return false;
		for (size_t i = 0; i < n; i++)
			if (strcmp(out[i], out[n]) == 0)
				return false;
		n++;
		if (!text[length])
			break;
		text += length + 1;
	}
	*ret_n = n;
	return true;
}

/* --- setting and getting --- */

static void clear(struct options *o, size_t row)
{
	for (size_t i = 0; i < o->given[row].n; i++) {
		char *value = o->given[row].values[i];
		if (rows[row].secret)
			sodium_memzero(value, strlen(value));
		free(value);
	}
	o->given[row].n = 0;
}

void options_fini(struct options *o)
{
	for (size_t row = 0; row < OPTION_COUNT; row++)
		clear(o, row);
}

int options_set(struct options *o, const char *name, const char *value, struct fault *f)
{
	size_t row = 0;
	while (row < OPTION_COUNT && strcmp(rows[row].name, name) != 0)
		row++;
	if (row == OPTION_COUNT)
		return fault_set(f, E_CONFIG_INVALID, "there is no option '%s'", name);
	if (!value) {
		clear(o, row);
		return 0;
	}
	if (!checks[row](value))
		return fault_set(f, E_CONFIG_INVALID, "%s cannot be '%s'", name,
				 rows[row].secret ? "..." : value);
	if (rows[row].repeatable && o->given[row].n == OPTION_VALUES_MAX)
		return fault_set(f, E_CONFIG_INVALID, "%s is given more than %d times", name,
				 OPTION_VALUES_MAX);
	char *copy = strdup(value);
	if (!copy)
		return fault_code(f, E_NO_MEMORY);
	if (!rows[row].repeatable)
		clear(o, row);
	o->given[row].values[o->given[row].n++] = copy;
	return 0;
}

const char *options_text(const struct options *o, enum option option)
{
	size_t n = o->given[option].n;
	return n ? o->given[option].values[n - 1] : rows[option].fallback;
}

size_t options_count(const struct options *o, enum option option)
{
	return o->given[option].n;
}

const char *options_at(const struct options *o, enum option option, size_t index)
{
	return o->given[option].values[index];
}

bool options_flag(const struct options *o, enum option option)
{
	return strcmp(options_text(o, option), "1") == 0;
}

int options_timeout(const struct options *o)
{
	return (int)strtol(options_text(o, OPTION_TIMEOUT), NULL, 10);
}
