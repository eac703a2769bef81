/* SPDX-License-Identifier: Apache-2.0 */
/* The options of a handle, set by name, checked when they are set (options.def). Not shared between threads.
 */
#ifndef CLIENT_OPTIONS_H
#define CLIENT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "fault.h"
#include "limit.h"

#define OPTION_VALUES_MAX 32 /* values of one repeatable option */

enum option {
#define OPT(symbol, name, kind, fallback, repeatable, secret, prose) OPTION_##symbol,
#include "options.def"
#undef OPT
	OPTION_COUNT
};

struct option_row {
	const char *name;
	const char *fallback;
	bool repeatable;
	bool secret;
	const char *prose;
};

struct options {
	struct {
		char *values[OPTION_VALUES_MAX];
		size_t n;
	} given[OPTION_COUNT];
};

/* All rows in the table's order, borrowed for ever. */
const struct option_row *option_rows(size_t *ret_count);

/* Free the values; secret ones are wiped. */
void options_fini(struct options *);

/* Set or add a value; NULL clears the option. E_CONFIG_INVALID (with a detail), E_NO_MEMORY. */
int options_set(struct options *, const char *name, const char *value, struct fault *);

/* The value, or the default, or NULL. Borrowed. */
const char *options_text(const struct options *, enum option);

/* How many values were given, and one of them. Borrowed. */
size_t options_count(const struct options *, enum option);
const char *options_at(const struct options *, enum option, size_t index);

/* Is an option of kind FLAG set? */
bool options_flag(const struct options *, enum option);

/* The value of timeout_ms. */
int options_timeout(const struct options *);

/* Split "a,b" into slugs; false: an empty or malformed one, one given twice, or more than LIMIT_PLANS. */
bool options_slugs(const char *text, char (*out)[LIMIT_ID + 1], size_t *ret_n);

#endif
