/* SPDX-License-Identifier: Apache-2.0 */
#include "names.h"

#include <string.h>

static const char blanks[] = " \t\r\n";

/* Without the blanks around it; nothing when only blanks are there. */
static int append_part(json_t *names, const char *part, size_t n)
{
	size_t before = strspn(part, blanks);
	if (before >= n)
		return 0;
	part += before;
	n -= before;
	while (strchr(blanks, part[n - 1]))
		n--;
	return json_array_append_new(names, json_stringn(part, n));
}

json_t *names_split(const char *text, char separator)
{
	json_t *names = json_array();
	while (names) {
		size_t n = strcspn(text, (char[]){separator, 0});
		if (append_part(names, text, n)) {
			json_decref(names);
			return NULL;
		}
		if (!text[n])
			break;
		text += n + 1;
	}
	return names;
}

int names_of_list(const struct invocation *inv, const char *option, json_t **ret)
{
	const char *text = invocation_value(inv, option);
	if (!text)
		return 0;
	json_t *names = names_split(text, ',');
	if (json_array_size(names) == 0) {
		json_decref(names);
		return command_usage(inv, "--%s takes names parted by commas", option);
	}
	*ret = names;
	return 0;
}

json_t *names_of_option(const struct invocation *inv, const char *option)
{
	const char *values[COMMAND_OPTIONS_MAX];
	size_t n = invocation_values(inv, option, values, COMMAND_OPTIONS_MAX);
	json_t *names = json_array();
	for (size_t i = 0; i < n && names; i++) {
		if (json_array_append_new(names, json_string(values[i]))) {
			json_decref(names);
			names = NULL;
		}
	}
	return names;
}
