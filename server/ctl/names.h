/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of names: repeated options and "a,b" or "a;b" texts as JSON arrays. Main thread. */
#ifndef CTL_NAMES_H
#define CTL_NAMES_H

#include <jansson.h>

#include "command.h"

/* The parts of a text between separators, without blanks around them; empty ones are left out. NULL: no
 * memory, or not UTF-8. */
json_t *names_split(const char *text, char separator);

/* The parts of an option's value; *ret stays NULL when it was not given. Returns 0, or the exit code when it
 * names nothing or is not UTF-8. */
int names_of_list(const struct invocation *, const char *option, json_t **ret);

/* All values of a repeated option, an empty array when there is none. NULL: as above. */
json_t *names_of_option(const struct invocation *, const char *option);

#endif
