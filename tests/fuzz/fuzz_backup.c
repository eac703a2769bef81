/* SPDX-License-Identifier: Apache-2.0 */
/* The input as what a backup says of itself. What is read is told again in the same words. */
#include "archive.h"
#include "error.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct archive_info info = {0};
	struct archive_info again = {0};
	char *text = fuzz_text(data, n);
	if (archive_parse(text, &info) == 0) {
		fuzz_accepted(archive_parse);
		json_t *told = archive_json(&info);
		char *words = told ? json_dumps(told, JSON_COMPACT) : NULL;
		if (words) { /* a name that was cut within a character is not told */
			fuzz_require(archive_parse(words, &again) == 0);
			fuzz_require(info.time == again.time && strcmp(info.name, again.name) == 0 &&
				     memcmp(info.ledger, again.ledger, LEDGER_ID) == 0);
		}
		free(words);
		json_decref(told);
	}
	free(text);
	return 0;
}
