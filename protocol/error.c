/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"

#include <string.h>

static const struct error_row table[] = {
#define ERR(number, name, retry, http, exit, text, remedy)                                                   \
	{number, #name, RETRY_##retry, http, exit, text, remedy},
#include "errors.def"
#undef ERR
};

#define TABLE_ROWS (sizeof(table) / sizeof(table[0]))

const struct error_row *error_row(int code)
{
	unsigned number = code < 0 ? 0u - (unsigned)code : (unsigned)code; /* a peer may send the least int */
	for (size_t i = 0; i < TABLE_ROWS; i++)
		if ((unsigned)table[i].number == number)
			return &table[i];
	return error_row(E_INTERNAL);
}

bool error_is_temporary(int code)
{
	return code && error_row(code)->retry != RETRY_NEVER;
}

const struct error_row *error_by_name(const char *name)
{
	for (size_t i = 0; i < TABLE_ROWS; i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

const struct error_row *error_table(size_t *ret_count)
{
	*ret_count = TABLE_ROWS;
	return table;
}

const char *error_name(int code)
{
	return error_row(code)->name;
}

const char *error_text(int code)
{
	return error_row(code)->text;
}
