/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of the command line, read strictly. An option that was not given leaves *ret as it is; a wrong one
 * is E_USAGE with a detail that names the option, the value and what would be right. Main thread.
 */
#ifndef ISSUER_OPTION_H
#define ISSUER_OPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "failure.h"

#define SECONDS_PER_DAY 86400

/* Were all of these options given? names: ended by NULL. */
int option_need(const struct invocation *, const char *const *names, struct failure *);

/* A name for people: UTF-8 without control characters, 1 to room - 1 bytes. */
int option_text(const struct invocation *, const char *name, char *out, size_t room, struct failure *);

/* An id. */
int option_slug(const struct invocation *, const char *name, char *out, struct failure *);

/* A decimal number, and a duration of whole days. */
int option_integer(const struct invocation *, const char *name, int64_t min, int64_t max, int64_t *ret,
		   struct failure *);
int option_days(const struct invocation *, const char *name, uint32_t min, uint32_t max, uint32_t *ret,
		struct failure *);

/* A date or time. */
int option_date(const struct invocation *, const char *name, int64_t *ret, struct failure *);

/* The values themselves, wherever they stand. False: *ret untouched. */
bool value_is_text(const char *text, size_t room);
bool value_integer(const char *text, int64_t min, int64_t max, int64_t *ret);

#endif
