/* SPDX-License-Identifier: Apache-2.0 */
/* What people type at the telephone: the first byte says of which id. What is read is written alike; what is
 * wrong is told within bounds; what is mended is right. */
#include "fuzz.h"
#include "voice.h"

static bool is_right(const char *bare, void *context)
{
	const uint8_t key[VOICE_KEY] = {0};
	uint8_t cid[VOICE_CID];
	struct voice_grant g;
	uint8_t *iid = context;
	if (!digits_number(bare, VOICE_CID_GROUPS, cid, VOICE_CID) || voice_check(key, iid, cid, &g))
		return false;
	fuzz_accepted(voice_check);
	return true;
}

static void write_again(const char *bare, size_t groups, size_t n)
{
	uint8_t number[VOICE_IID];
	char text[DIGITS_TEXT];
	char again[DIGITS_BARE];
	struct digits_report report;
	struct voice_installation parts;
	if (!digits_number(bare, groups, number, n))
		return;
	digits_write(number, n, groups, text);
	fuzz_require(digits_read(text, groups, again, &report) == 0);
	fuzz_require(memcmp(bare, again, groups * DIGITS_GROUP) == 0);
	fuzz_accepted(digits_read);
	if (groups == VOICE_IID_GROUPS && voice_installation_read(number, &parts) == 0)
		fuzz_accepted(voice_installation_read);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t keys[32] = {0};
	uint8_t iid[VOICE_IID];
	char typed[512] = "";
	char bare[DIGITS_BARE];
	char words[DIGITS_WORDS];
	struct digits_report report;
	if (n == 0 || n > sizeof(typed))
		return 0;
	bool installation = data[0] & 1;
	size_t groups = installation ? VOICE_IID_GROUPS : VOICE_CID_GROUPS;
	memcpy(typed, data + 1, n - 1);
	voice_installation_make(keys, keys, 7, 9, iid);
	int error = digits_read(typed, groups, bare, &report);
	fuzz_require((error == 0) == (report.n == 0));
	fuzz_use_text(digits_explain(&report, words));
	if (!error)
		write_again(bare, groups, installation ? VOICE_IID : VOICE_CID);
	bool whole = strlen(bare) == groups * DIGITS_GROUP;
	if (error && whole && !installation && digits_mend(bare, groups, is_right, iid, &report))
		fuzz_require(is_right(bare, iid) && report.n > 0);
	return 0;
}
