/* SPDX-License-Identifier: Apache-2.0 */
/* The input as a file that somebody mailed, edited and pasted. What is found in it survives a new block. */
#include "armour.h"
#include "error.h"
#include "fuzz.h"
#include "token.h"

static void try_label(const char *label, const char *text, size_t n)
{
	char *token = NULL;
	char *block = NULL;
	char *again = NULL;
	if (armour_read(label, text, n, &token))
		return;
	fuzz_accepted(armour_read);
	fuzz_require(strlen(token) <= n && strpbrk(token, " \t\r\n\v\f") == NULL);
	fuzz_require(armour_write(label, token, &block) == 0);
	/* A token that itself holds the END line, or nothing, need not survive. */
	if (token[0] && !strstr(token, "-----") && strlen(block) < 100000) {
		fuzz_require(armour_read(label, block, strlen(block), &again) == 0);
		fuzz_require(strcmp(token, again) == 0);
	}
	free(token);
	free(block);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct token_kind *const kinds[] = {&token_license, &token_product, &token_certificate,
							 &token_lease, &token_host_request};
	const char *text = (const char *)data;
	char label[24];
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		try_label(kinds[i]->label, text, n);
	if (armour_label(text, n, label, sizeof(label)) == 0)
		fuzz_use(token_kind_by_label(label) != NULL);
	return 0;
}
