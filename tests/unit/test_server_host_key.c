/* SPDX-License-Identifier: Apache-2.0 */
/* The host's own keys: made once, kept, and refused when they are damaged or open to others. */
#include "fixture.h"

#include <sys/stat.h>

static char path[256];

static int setup(void **state)
{
	(void)state;
	fixture_file("host.key", path);
	unlink(path);
	return sodium_init() < 0;
}

static struct host_key *open_key(void)
{
	struct host_key *key = NULL;
	assert_int_equal(host_key_open(path, &key), 0);
	return key;
}

static void test_a_key_is_made_once_and_kept(void **state)
{
	struct stat st;
	struct noise_pair pair;
	uint8_t signature[crypto_sign_BYTES];
	char id[PASERK_ID_TEXT];
	(void)state;
	struct host_key *first = open_key();
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	struct host_key *again = open_key();
	assert_memory_equal(first, again, sizeof(*first));
	noise_pair_from(first->fixed.secret, &pair);
	assert_memory_equal(pair.public, first->fixed.public, NOISE_KEY);
	crypto_sign_detached(signature, NULL, (const uint8_t *)"x", 1, first->sign);
	assert_int_equal(crypto_sign_verify_detached(signature, (const uint8_t *)"x", 1, first->public), 0);
	paserk_pid_write(first->public, id);
	assert_string_equal(id, first->id);
	assert_false(sodium_is_zero(first->ratchet, sizeof(first->ratchet)));
	host_key_free(first);
	host_key_free(again);
}

static void test_two_hosts_share_nothing(void **state)
{
	(void)state;
	struct host_key *a = open_key();
	unlink(path);
	struct host_key *b = open_key();
	assert_memory_not_equal(a->sign, b->sign, 32);
	assert_memory_not_equal(a->fixed.secret, b->fixed.secret, NOISE_KEY);
	assert_memory_not_equal(a->ratchet, b->ratchet, RATCHET_SECRET);
	host_key_free(a);
	host_key_free(b);
}

static void test_a_key_that_others_may_read_is_refused(void **state)
{
	static const mode_t modes[] = {0640, 0604, 0660, 0644, 0610, 0601};
	struct host_key *key = NULL;
	(void)state;
	host_key_free(open_key());
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(chmod(path, modes[i]), 0);
		assert_int_equal(host_key_open(path, &key), E_INSECURE);
	}
	assert_null(key);
	assert_int_equal(chmod(path, 0400), 0);
	host_key_free(open_key());
}

static void test_a_damaged_key_is_refused_and_not_replaced(void **state)
{
	static const char *const texts[] = {"",
					    "{}",
					    "hello",
					    "{\"schema\":1,\"sign\":\"k4.secret.AAAA\",\"static\":\"AAAA\"}",
					    "{\"schema\":1,\"sign\":5,\"static\":[]}",
					    "[]"};
	char now[64] = "";
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct host_key *key = NULL;
		fixture_write(path, texts[i], strlen(texts[i]));
		assert_int_equal(chmod(path, 0600), 0);
		assert_int_equal(host_key_open(path, &key), E_KEY_INVALID);
		assert_null(key);
	}
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(now, sizeof(now), file));
	fclose(file);
	assert_string_equal(now, texts[5]);
}

/* One half of a key exchanged for another's. */
static void test_halves_that_do_not_belong_together(void **state)
{
	char text[PASERK_SECRET_TEXT];
	char whole[512];
	struct host_key *key = NULL;
	struct vendor a = fixture_vendor(1);
	struct vendor b = fixture_vendor(2);
	(void)state;
	memcpy(a.secret + 32, b.public, 32);
	paserk_secret_write(a.secret, text);
	snprintf(whole, sizeof(whole), "{\"schema\":1,\"sign\":\"%s\",\"static\":\"%s\"}", text,
		 "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
	fixture_write(path, whole, strlen(whole));
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(host_key_open(path, &key), E_KEY_INVALID);
}

static void test_a_place_that_cannot_be(void **state)
{
	struct host_key *key = NULL;
	(void)state;
	assert_int_equal(host_key_open("/nonexistent/host.key", &key), E_CANNOT_CREATE);
	assert_null(key);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		TEST(test_a_key_is_made_once_and_kept),
		TEST(test_two_hosts_share_nothing),
		TEST(test_a_key_that_others_may_read_is_refused),
		TEST(test_a_damaged_key_is_refused_and_not_replaced),
		TEST(test_halves_that_do_not_belong_together),
		TEST(test_a_place_that_cannot_be),
	};
	return cmocka_run_group_tests_name("server/broker/host_key", tests, NULL, NULL);
}
