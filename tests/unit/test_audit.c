/* SPDX-License-Identifier: Apache-2.0 */
/* The chain of the audit log, against values made with another implementation of BLAKE2b (Python's hashlib).
 */
#include "fixture.h"

#include "audit.h"

static const uint8_t zero[AUDIT_HASH];

static const struct audit first = {NOW, "uid:0", "license.installed", "fjord-1", "{\"serial\":1}"};
static const struct audit second = {NOW + 60, "host", "threshold.reached", "cad-volume", ""};

static void assert_hash(const uint8_t previous[AUDIT_HASH], int64_t seq, const struct audit *row,
			const char *wanted, uint8_t ret[AUDIT_HASH])
{
	char text[2 * AUDIT_HASH + 1];
	audit_hash(previous, seq, row, ret);
	sodium_bin2hex(text, sizeof(text), ret, AUDIT_HASH);
	assert_string_equal(text, wanted);
}

static void test_known_answers(void **state)
{
	uint8_t hash[AUDIT_HASH];
	(void)state;
	assert_hash(zero, 1, &first, "56e87a280bf9ebe7d269f54ba77da309e046bd6b066f075f181bc03064813ba1",
		    hash);
	/* In place, as the stores do it. */
	assert_hash(hash, 2, &second, "bef5464215092fa9a8d72a3ff5ca3a0b1abc8e00dfb1fa3904fb0b28744dd75a",
		    hash);
}

static void assert_differs(int64_t seq, const struct audit *row, const uint8_t previous[AUDIT_HASH])
{
	uint8_t a[AUDIT_HASH];
	uint8_t b[AUDIT_HASH];
	audit_hash(zero, 1, &first, a);
	audit_hash(previous, seq, row, b);
	assert_memory_not_equal(a, b, AUDIT_HASH);
}

static void test_every_field_is_covered(void **state)
{
	uint8_t previous[AUDIT_HASH] = {0};
	struct audit row = first;
	(void)state;
	assert_differs(2, &first, zero);
	for (size_t i = 0; i < AUDIT_HASH; i++) {
		previous[i] = 1;
		assert_differs(1, &first, previous);
		previous[i] = 0;
	}
	row.at++;
	assert_differs(1, &row, zero);
	const char **texts[] = {&row.actor, &row.action, &row.object, &row.detail};
	for (size_t i = 0; i < 4; i++) {
		row = first;
		*texts[i] = "changed";
		assert_differs(1, &row, zero);
		*texts[i] = "";
		assert_differs(1, &row, zero);
	}
}

/* What stands at the end of one field is not the same at the begin of the next. */
static void test_text_cannot_move_between_fields(void **state)
{
	static const struct audit rows[] = {{NOW, "ab", "cd", "ef", "gh"}, {NOW, "abc", "d", "ef", "gh"},
					    {NOW, "a", "bcd", "ef", "gh"}, {NOW, "ab", "cde", "f", "gh"},
					    {NOW, "ab", "cd", "efg", "h"}, {NOW, "abcdefgh", "", "", ""},
					    {NOW, "", "abcdefgh", "", ""}, {NOW, "", "", "", "abcdefgh"}};
	uint8_t hashes[8][AUDIT_HASH];
	(void)state;
	for (size_t i = 0; i < 8; i++) {
		audit_hash(zero, 1, &rows[i], hashes[i]);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(hashes[i], hashes[j], AUDIT_HASH);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answers),
		cmocka_unit_test(test_every_field_is_covered),
		cmocka_unit_test(test_text_cannot_move_between_fields),
	};
	return cmocka_run_group_tests_name("protocol/audit", tests, NULL, NULL);
}
