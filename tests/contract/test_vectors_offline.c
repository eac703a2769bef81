/* SPDX-License-Identifier: Apache-2.0 */
/* Known answers of what machines without a network send and get: by file, in bundles, by telephone. */
#include "vectors.h"

#include "armour.h"
#include "bundle.h"
#include "error.h"
#include "offline_answer.h"
#include "offline_request.h"
#include "words.h"

static void test_offline_tokens_are_read_and_written_alike(void **state)
{
	struct tokens t;
	static struct offline_request request;
	static struct offline_answer answer;
	static struct lease lease;
	static struct certificate cert;
	char device[DEVICE_ID_TEXT];
	char *token = NULL;
	(void)state;
	tokens_load(&t);
	const char *text = token_of(&t, "request");
	assert_int_equal(offline_request_open(text, strlen(text), &request, NULL), 0);
	device_id_write(request.device, device);
	assert_string_equal(device, text_of(t.document, "device"));
	expect_token(&t, "request", offline_request_sign(&request, t.device_secret, &token), &token);
	text = token_of(&t, "answer");
	assert_int_equal(offline_answer_verify(text, strlen(text), ROOTS_OF(t.vendor),
					       text_of(t.document, "product"), request.device, &answer,
					       &lease, &cert),
			 0);
	assert_string_equal(answer.request, request.head.jti);
	expect_token(&t, "answer", offline_answer_sign(&answer, t.host_secret, &token), &token);
	json_decref(t.document);
}

/* What stands inside of a bundle's block, read as a bundle of requests. */
static int read_inside(const char *inside, const struct token_kind *kind, struct bundle *b)
{
	char *text = NULL;
	assert_int_equal(armour_write("BUNDLE", inside, &text), 0);
	int error = bundle_read(kind, text, strlen(text), b);
	free(text);
	return error;
}

static void test_bundles(void **state)
{
	json_t *document = load_own("bundles.json");
	const char *kind;
	const char *name;
	json_t *row;
	json_t *inside;
	struct bundle b;
	(void)state;
	json_object_foreach (json_object_get(document, "bundles"), kind, row) {
		const struct token_kind *of = strcmp(kind, "request") == 0 ? &token_request : &token_answer;
		json_t *members = json_object_get(row, "members");
		char *ours = NULL;
		char *want = NULL;
		assert_int_equal(read_inside(text_of(row, "inside"), of, &b), 0);
		assert_int_equal(b.n, json_array_size(members));
		for (size_t i = 0; i < b.n; i++)
			assert_string_equal(b.tokens[i], json_string_value(json_array_get(members, i)));
		assert_int_equal(bundle_write(&b, &ours), 0);
		assert_int_equal(armour_write("BUNDLE", text_of(row, "inside"), &want), 0);
		assert_string_equal(ours, want);
		free(ours);
		free(want);
		bundle_fini(&b);
	}
	json_object_foreach (json_object_get(document, "invalid"), name, inside) {
		assert_int_equal(read_inside(json_string_value(inside), &token_request, &b),
				 E_BUNDLE_INVALID);
		bundle_fini(&b);
	}
	assert_int_equal(read_inside(text_of(document, "newer"), &token_request, &b), E_CRITICAL_UNKNOWN);
	bundle_fini(&b);
	json_decref(document);
}

static uint32_t number_of(json_t *row, const char *key)
{
	return (uint32_t)json_integer_value(json_object_get(row, key));
}

/* Make both ids of a call, and read the confirmation back as a machine does. */
static void check_call(json_t *row)
{
	uint8_t fixed[NOISE_KEY];
	uint8_t sign[PASETO_PUBLIC];
	uint8_t site[VOICE_KEY];
	uint8_t license[VOICE_LICENSE];
	uint8_t key[VOICE_KEY];
	uint8_t want[VOICE_KEY];
	uint8_t iid[VOICE_IID];
	uint8_t cid[VOICE_CID];
	char text[DIGITS_TEXT];
	char bare[DIGITS_BARE];
	struct digits_report report;
	struct voice_grant got;
	const struct voice_grant g = {number_of(row, "index"), number_of(row, "day"), number_of(row, "flags"),
				      number_of(row, "sequence")};
	hex_of(row, "static", fixed, sizeof(fixed));
	hex_of(row, "sign", sign, sizeof(sign));
	hex_of(row, "site", site, sizeof(site));
	hex_of(row, "license", license, sizeof(license));
	hex_of(row, "key", want, sizeof(want));
	voice_installation_make(fixed, sign, number_of(row, "product"), number_of(row, "nonce"), iid);
	digits_write(iid, VOICE_IID, VOICE_IID_GROUPS, text);
	assert_string_equal(text, text_of(row, "installation"));
	voice_key(site, license, g.index, key);
	assert_memory_equal(key, want, sizeof(want));
	voice_confirm(key, iid, &g, cid);
	digits_write(cid, VOICE_CID, VOICE_CID_GROUPS, text);
	assert_string_equal(text, text_of(row, "confirmation"));
	memset(cid, 0, sizeof(cid));
	assert_int_equal(digits_read(text, VOICE_CID_GROUPS, bare, &report), 0);
	assert_true(digits_number(bare, VOICE_CID_GROUPS, cid, VOICE_CID));
	assert_int_equal(voice_check(key, iid, cid, &got), 0);
	assert_memory_equal(&g, &got, sizeof(g));
}

static void check_words(json_t *document, json_t *row)
{
	uint8_t seed[crypto_sign_SEEDBYTES];
	uint8_t public[PASETO_PUBLIC];
	uint8_t secret[PASETO_SECRET];
	uint8_t iid[VOICE_IID];
	char bare[DIGITS_BARE];
	char text[WORDS_TEXT];
	uint16_t numbers[WORDS];
	struct digits_report report;
	struct words_report why;
	struct spoken_words words;
	struct voice_grant got;
	const struct voice_grant g = {0, number_of(row, "day"), number_of(row, "flags"),
				      number_of(row, "sequence")};
	hex_of(document, "host_seed", seed, sizeof(seed));
	crypto_sign_seed_keypair(public, secret, seed);
	assert_int_equal(digits_read(text_of(row, "installation"), VOICE_IID_GROUPS, bare, &report), 0);
	assert_true(digits_number(bare, VOICE_IID_GROUPS, iid, VOICE_IID));
	words_sign(secret, iid, &g, &words);
	words_write(&words, text);
	assert_string_equal(text, text_of(row, "words"));
	assert_int_equal(words_read(text_of(row, "words"), numbers, &words, &why), 0);
	assert_int_equal(words_check(public, iid, &words, &got), 0);
	assert_memory_equal(&g, &got, sizeof(g));
}

static void test_calls(void **state)
{
	json_t *document = load_own("voice.json");
	size_t i;
	json_t *row;
	(void)state;
	json_array_foreach (json_object_get(document, "calls"), i, row)
		check_call(row);
	json_array_foreach (json_object_get(document, "names"), i, row) {
		uint8_t want[VOICE_LICENSE];
		uint8_t hash[VOICE_LICENSE];
		hex_of(row, "hash", want, sizeof(want));
		voice_license(text_of(row, "vendor"), text_of(row, "license"), hash);
		assert_memory_equal(hash, want, sizeof(want));
		assert_int_equal(voice_product(text_of(row, "vendor"), text_of(row, "product")),
				 number_of(row, "number"));
	}
	json_array_foreach (json_object_get(document, "words"), i, row)
		check_words(document, row);
	json_decref(document);
}

static int setup(void **state)
{
	(void)state;
	return sodium_init() < 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offline_tokens_are_read_and_written_alike),
		cmocka_unit_test(test_bundles),
		cmocka_unit_test(test_calls),
	};
	return cmocka_run_group_tests_name("vectors_offline", tests, setup, NULL);
}
