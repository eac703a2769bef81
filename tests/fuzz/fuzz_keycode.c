/* SPDX-License-Identifier: Apache-2.0 */
/* The input as a key or code that somebody typed. What is read reads the same again, and with any one
 * character changed it does not. */
#include "error.h"
#include "fuzz.h"
#include "keycode.h"

static void try_length(const char *typed, size_t n)
{
	static const char alphabet[] = "346789ABCDEFGHJKMNPQRTVWXY";
	char bare[KEYCODE_KEY + 1];
	char again[KEYCODE_KEY + 1];
	if (keycode_read(typed, n, bare))
		return;
	fuzz_accepted(keycode_read);
	fuzz_require(strlen(bare) == n && strspn(bare, alphabet) == n);
	fuzz_require(keycode_read(bare, n, again) == 0 && strcmp(bare, again) == 0);
	for (size_t i = 0; i < n; i++) {
		char kept = bare[i];
		bare[i] = alphabet[(size_t)(strchr(alphabet, kept) - alphabet + 1) % (sizeof(alphabet) - 1)];
		fuzz_require(keycode_read(bare, n, again) == E_KEY_MALFORMED);
		bare[i] = kept;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *typed = fuzz_text(data, n);
	try_length(typed, KEYCODE_KEY);
	try_length(typed, KEYCODE_CODE);
	free(typed);
	return 0;
}
