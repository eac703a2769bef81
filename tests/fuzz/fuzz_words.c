/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a confirmation as people type them. What is read is written alike; what is wrong is told
 * within bounds. */
#include "fuzz.h"
#include "words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint16_t numbers[WORDS];
	uint16_t again[WORDS];
	struct spoken_words words;
	struct spoken_words back;
	struct words_report report;
	struct voice_grant g;
	char text[WORDS_TEXT];
	char told[WORDS_EXPLAIN];
	const uint8_t iid[VOICE_IID] = {0};
	uint8_t public[PASETO_PUBLIC];
	uint8_t secret[PASETO_SECRET];
	char *typed = fuzz_text(data, n);
	int error = words_read(typed, numbers, &words, &report);
	fuzz_require((error == 0) == (report.n == 0));
	fuzz_use_text(words_explain(&report, told));
	if (!error) {
		fuzz_accepted(words_read);
		words_write(&words, text);
		fuzz_require(words_read(text, again, &back, &report) == 0);
		fuzz_require(memcmp(numbers, again, sizeof(numbers)) == 0);
		fuzz_require(memcmp(&words, &back, sizeof(words)) == 0);
		fuzz_keys('h', public, secret);
		fuzz_use((size_t)words_check(public, iid, &words, &g));
	}
	free(typed);
	return 0;
}
