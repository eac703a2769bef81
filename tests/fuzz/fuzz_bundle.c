/* SPDX-License-Identifier: Apache-2.0 */
/* A text as people hand it in: the first byte says of which kind. What was read, written anew, reads the
 * same. */
#include "bundle.h"
#include "fuzz.h"

/* Blocks in a row may hold commas, which a bundle has between its members. */
static bool writable(const struct bundle *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (strchr(b->tokens[i], ',') || !b->tokens[i][0])
			return false;
	return true;
}

static void write_and_read(const struct bundle *b)
{
	struct bundle again;
	char *text = NULL;
	fuzz_require(bundle_write(b, &text) == 0);
	fuzz_require(bundle_read(b->kind, text, strlen(text), &again) == 0 && again.n == b->n);
	for (size_t i = 0; i < b->n; i++)
		fuzz_require(strcmp(b->tokens[i], again.tokens[i]) == 0);
	bundle_fini(&again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct bundle b;
	if (n == 0)
		return 0;
	int error =
		bundle_read(data[0] & 1 ? &token_answer : &token_request, (const char *)data + 1, n - 1, &b);
	fuzz_require(error || (b.n > 0 && b.n <= LIMIT_BUNDLE));
	if (!error)
		fuzz_accepted(bundle_read);
	if (!error && writable(&b))
		write_and_read(&b);
	bundle_fini(&b);
	return 0;
}
