/* SPDX-License-Identifier: Apache-2.0 */
/* The input as a long list of the API's, read one item at a time. What is read so, is read so as a whole, but
 * for the depth: an item may be as deep as a document. */
#include "fuzz.h"
#include "items.h"
#include "jsontext.h"

#include <string.h>

static int keep(json_t *item, size_t index, void *context)
{
	fuzz_require(json_array_size(context) == index);
	return json_array_append(context, item);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct jsontext_fault fault = {0};
	json_t *items = json_array();
	json_t *rest = NULL;
	json_t *whole = NULL;
	if (items_read((const char *)data, n, keep, items, &rest) == 0) {
		fuzz_accepted(items_read);
		int error = jsontext_read(data, n, &whole, &fault);
		fuzz_require(!error || strstr(fault.what, "within each other"));
		fuzz_require(json_object_set(rest, "items", items) == 0);
		fuzz_require(error || json_equal(rest, whole));
	}
	json_decref(whole);
	json_decref(rest);
	json_decref(items);
	return 0;
}
