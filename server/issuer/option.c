/* SPDX-License-Identifier: Apache-2.0 */
#include "option.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "claims.h"
#include "rfc3339.h"

/* What the readers of signed files take, and nothing else. */
bool value_is_text(const char *text, size_t room)
{
	char copy[LIMIT_HOSTNAME + 1];
	struct claims claims = {0};
	json_t *object = json_pack("{s:s}", "text", text); /* NULL: not UTF-8 */
	if (!object)
		return false;
	claims_text(&claims, object, "text", copy, room < sizeof(copy) ? room : sizeof(copy));
	json_decref(object);
	return !claims.error;
}

bool value_integer(const char *text, int64_t min, int64_t max, int64_t *ret)
{
	char *end;
	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	long long value = strtoll(text, &end, 10);
	if (errno || *end || value < min || value > max)
		return false;
	*ret = value;
	return true;
}

int option_need(const struct invocation *inv, const char *const *names, struct failure *f)
{
	for (; *names; names++)
		if (!invocation_has(inv, *names))
			return failure_set(f, E_USAGE, "--%s is missing", *names);
	return 0;
}

int option_text(const struct invocation *inv, const char *name, char *out, size_t room, struct failure *f)
{
	const char *value = invocation_value(inv, name);
	if (!value)
		return 0;
	if (!value_is_text(value, room))
		return failure_set(f, E_USAGE,
				   "--%s must be 1 to %zu bytes of UTF-8 without control characters", name,
				   room - 1);
	memcpy(out, value, strlen(value) + 1);
	return 0;
}

int option_slug(const struct invocation *inv, const char *name, char *out, struct failure *f)
{
	const char *value = invocation_value(inv, name);
	if (!value)
		return 0;
	if (!slug_ok(value))
		return failure_set(f, E_USAGE,
				   "--%s '%s' is no id: 1 to %d of a-z, 0-9, '-', '.', '_', with a letter or "
				   "digit first",
				   name, value, LIMIT_ID);
	memcpy(out, value, strlen(value) + 1);
	return 0;
}

int option_integer(const struct invocation *inv, const char *name, int64_t min, int64_t max, int64_t *ret,
		   struct failure *f)
{
	const char *value = invocation_value(inv, name);
	if (!value || value_integer(value, min, max, ret))
		return 0;
	return failure_set(f, E_USAGE, "--%s '%s' is not a number from %" PRId64 " to %" PRId64, name, value,
			   min, max);
}

int option_days(const struct invocation *inv, const char *name, uint32_t min, uint32_t max, uint32_t *ret,
		struct failure *f)
{
	const char *value = invocation_value(inv, name);
	int64_t seconds;
	if (!value)
		return 0;
	if (duration_read(value, &seconds) || seconds % SECONDS_PER_DAY ||
	    seconds < (int64_t)min * SECONDS_PER_DAY || seconds > (int64_t)max * SECONDS_PER_DAY)
		return failure_set(f, E_USAGE,
				   "--%s '%s' is not a number of whole days from %ud to %ud, such as 30d",
				   name, value, min, max);
	*ret = (uint32_t)(seconds / SECONDS_PER_DAY);
	return 0;
}

int option_date(const struct invocation *inv, const char *name, int64_t *ret, struct failure *f)
{
	const char *value = invocation_value(inv, name);
	if (!value || rfc3339_read_date(value, ret) == 0)
		return 0;
	return failure_set(f, E_USAGE, "--%s '%s' is no date such as 2030-01-01 or 2030-01-01T12:00:00Z",
			   name, value);
}
