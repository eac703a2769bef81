/* SPDX-License-Identifier: Apache-2.0 */
/* One --grant of the command line: "key=value,key=value". The keys are one table in the .c file. Main thread.
 */
#ifndef ISSUER_GRANT_OPTION_H
#define ISSUER_GRANT_OPTION_H

#include <stdio.h>

#include "failure.h"
#include "license.h"

/*
 * Read a grant for a license whose term (nbf, exp) and products are known. What is not said comes from
 * model_policy(); the id's default is "PRODUCT-MODEL". E_USAGE: a key is unknown, repeated, missing, wrong or
 * against another one, and the detail names it. was: a grant of that id which changes, and keeps what is not
 * said and its arrays; its product and model stay. NULL: it is a new one.
 */
int grant_option_read(const char *text, const struct license *, const struct grant *was, struct grant *ret,
		      struct failure *);

/* The value of one key in the text, before the rest of it is understood. E_USAGE: missing or too long. */
int grant_option_find(const char *text, const char *key, char *out, size_t room, struct failure *);

/* The keys, one a line, for people. */
void grant_option_help(FILE *);

#endif
