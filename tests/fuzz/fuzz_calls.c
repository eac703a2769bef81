/* SPDX-License-Identifier: Apache-2.0 */
/* The client's files for activation by telephone: what was confirmed (first byte 0), and the site's keys (1).
 * What can be read is written alike. */
#include "calls.h"
#include "fuzz.h"
#include "sitekey.h"

static void read_calls(const char *text)
{
	static struct calls c;
	static struct calls again;
	static char copy[CALLS_TEXT];
	if (!calls_read(text, &c))
		return;
	fuzz_accepted(calls_read);
	calls_write(&c, copy);
	fuzz_require(calls_read(copy, &again) && again.n == c.n);
	fuzz_require(again.wrong == c.wrong && again.until == c.until);
	for (size_t i = 0; i < c.n; i++) {
		fuzz_require(strcmp(c.rows[i].product, again.rows[i].product) == 0);
		fuzz_require(strcmp(c.rows[i].proof, again.rows[i].proof) == 0);
		fuzz_require(c.rows[i].sequence == again.rows[i].sequence);
		fuzz_require(calls_find(&c, c.rows[i].product) == &c.rows[i]);
	}
}

static void read_keys(const char *text)
{
	static struct sitekeys keys;
	if (!sitekeys_read(text, &keys))
		return;
	fuzz_accepted(sitekeys_read);
	for (size_t i = 0; i < keys.n; i++) {
		fuzz_require(keys.rows[i].index <= VOICE_INDEX_MAX);
		fuzz_use_text(keys.rows[i].vendor);
		fuzz_use_text(keys.rows[i].license);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n == 0)
		return 0;
	char *text = fuzz_text(data + 1, n - 1);
	if (data[0] & 1)
		read_keys(text);
	else
		read_calls(text);
	free(text);
	return 0;
}
