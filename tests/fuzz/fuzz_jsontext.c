/* SPDX-License-Identifier: Apache-2.0 */
/* The input as JSON. What is read, jansson reads alike; what is refused, it refuses, too, but for our bounds;
 * and it can be written and read again. */
#include "fuzz.h"

#include <string.h>

#include "error.h"
#include "jsontext.h"

static void check_again(json_t *value)
{
	json_t *again = NULL;
	char *text = jsontext_write(value, JSON_COMPACT);
	fuzz_require(text != NULL);
	fuzz_require(jsontext_read(text, strlen(text), &again, NULL) == 0);
	fuzz_require(json_equal(value, again));
	json_decref(again);
	free(text);
}

/* Bounds that jansson has not; and it passes over a NUL behind a number. */
static int ours(const uint8_t *data, size_t n, const char *what)
{
	return strstr(what, "within each other") || strstr(what, "too long") || memchr(data, 0, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct jsontext_fault fault = {0};
	json_t *value = NULL;
	json_t *other = json_loadb((const char *)data, n, JSON_REJECT_DUPLICATES, NULL);
	int error = jsontext_read(data, n, &value, &fault);
	fuzz_require(error == 0 || error == E_MALFORMED);
	if (error) {
		fuzz_require(fault.line > 0 && fault.column > 0 && fault.what);
		fuzz_require(!other || ours(data, n, fault.what));
	} else {
		fuzz_accepted(jsontext_read);
		fuzz_require(json_equal(value, other));
		check_again(value);
		json_decref(value);
	}
	json_decref(other);
	return 0;
}
