/* SPDX-License-Identifier: Apache-2.0 */
#include "option.h"

#include <errno.h>
#include <stdlib.h>

int option_number(const struct invocation *inv, const char *option, long min, long max, long *ret)
{
	const char *text = invocation_value(inv, option);
	char *end = NULL;
	if (!text)
		return 0;
	errno = 0;
	long value = strtol(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value < min || value > max)
		return command_usage(inv, "--%s takes a whole number from %ld to %ld", option, min, max);
	*ret = value;
	return 0;
}
