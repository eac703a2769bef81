/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Known answers: the public vectors of Noise, PASETO and PASERK from the folder MUSTER_VECTORS (default
 * ../shared/vectors), and our own in tests/contract/vectors, which tests/interop makes without our code. Run
 * from the top of the tree.
 */
#include "vectors.h"

#include "certificate.h"
#include "channel.h"
#include "checkpoint.h"
#include "error.h"
#include "lease.h"
#include "license.h"
#include "license_request.h"
#include "paserk.h"
#include "product.h"
#include "revocations.h"

#define ROOM 70000

/* --- reading the files --- */

/* A public file; the test is skipped, and says why, where the folder is not there. */
static json_t *load_public(const char *name)
{
	const char *folder = getenv("MUSTER_VECTORS");
	json_t *document = load(folder ? folder : "../shared/vectors", name);
	if (!document) {
		print_message("SKIP, reason: no public vectors here; MUSTER_VECTORS names their folder\n");
		skip();
	}
	return document;
}

static void pair_of(json_t *row, const char *key, struct noise_pair *ret)
{
	uint8_t secret[NOISE_KEY];
	assert_int_equal(hex_of(row, key, secret, sizeof(secret)), NOISE_KEY);
	noise_pair_from(secret, ret);
}

/* --- Noise --- */

struct side {
	struct noise noise;
	struct noise_cipher send;
	struct noise_cipher receive;
};

static void side_init(struct side *s, json_t *v, bool client)
{
	uint8_t prologue[64];
	struct noise_pair local;
	struct noise_pair ephemeral;
	size_t n = hex_of(v, client ? "init_prologue" : "resp_prologue", prologue, sizeof(prologue));
	pair_of(v, client ? "init_static" : "resp_static", &local);
	pair_of(v, client ? "init_ephemeral" : "resp_ephemeral", &ephemeral);
	noise_init(&s->noise, client ? NOISE_INITIATOR : NOISE_RESPONDER, prologue, n, &local, &ephemeral);
}

/* Write message i on one side and read it on the other. */
static void noise_message(struct side *writer, struct side *reader, size_t i, json_t *row)
{
	uint8_t payload[256];
	uint8_t want[512];
	uint8_t got[512];
	size_t n = hex_of(row, "payload", payload, sizeof(payload));
	size_t want_n = hex_of(row, "ciphertext", want, sizeof(want));
	size_t got_n = n + NOISE_TAG;
	if (i < 3)
		assert_int_equal(noise_write(&writer->noise, payload, n, got, sizeof(got), &got_n), 0);
	else
		assert_int_equal(noise_seal(&writer->send, NULL, 0, payload, n, got), 0);
	assert_int_equal(got_n, want_n);
	assert_memory_equal(got, want, want_n);
	if (i < 3)
		assert_int_equal(noise_read(&reader->noise, want, want_n, got, sizeof(got), &got_n), 0);
	else
		assert_int_equal(noise_open(&reader->receive, NULL, 0, want, want_n, got), 0);
	assert_memory_equal(got, payload, n);
}

static void test_noise_vector(void **state)
{
	json_t *document = load_public("noise_xx_25519_chachapoly_sha256.json");
	json_t *vectors = json_object_get(document, "vectors");
	(void)state;
	assert_true(json_array_size(vectors) > 0);
	for (size_t k = 0; k < json_array_size(vectors); k++) {
		json_t *v = json_array_get(vectors, k);
		json_t *messages = json_object_get(v, "messages");
		uint8_t hash[NOISE_HASH];
		struct side sides[2];
		side_init(&sides[0], v, true);
		side_init(&sides[1], v, false);
		assert_true(json_array_size(messages) > 3);
		for (size_t i = 0; i < json_array_size(messages); i++) {
			noise_message(&sides[i % 2], &sides[1 - i % 2], i, json_array_get(messages, i));
			if (i == 2) {
				noise_split(&sides[0].noise, &sides[0].send, &sides[0].receive);
				noise_split(&sides[1].noise, &sides[1].send, &sides[1].receive);
			}
		}
		hex_of(v, "handshake_hash", hash, sizeof(hash));
		assert_memory_equal(sides[0].noise.hash, hash, sizeof(hash));
		assert_memory_equal(sides[1].noise.hash, hash, sizeof(hash));
	}
	json_decref(document);
}

/* --- PASETO --- */

static void check_signed(json_t *row)
{
	uint8_t public[PASETO_PUBLIC];
	uint8_t secret[PASETO_SECRET];
	uint8_t *payload = NULL;
	size_t n;
	char footer[256];
	char *token = NULL;
	const char *want = text_of(row, "token");
	const char *text = text_of(row, "payload");
	const char *implicit = text_of(row, "implicit-assertion");
	assert_int_equal(hex_of(row, "public-key", public, sizeof(public)), sizeof(public));
	assert_int_equal(hex_of(row, "secret-key", secret, sizeof(secret)), sizeof(secret));
	assert_int_equal(paseto_sign(secret, text, strlen(text), text_of(row, "footer"), implicit, &token),
			 0);
	assert_string_equal(token, want);
	assert_int_equal(paseto_open(want, strlen(want), public, implicit, &payload, &n), 0);
	assert_int_equal(n, strlen(text));
	assert_memory_equal(payload, text, n);
	assert_int_equal(paseto_footer(want, strlen(want), footer, sizeof(footer)), 0);
	assert_string_equal(footer, text_of(row, "footer"));
	free(payload);
	free(token);
}

static void check_refused(json_t *row)
{
	uint8_t public[PASETO_PUBLIC] = {0};
	uint8_t *payload = NULL;
	size_t n;
	const char *token = text_of(row, "token");
	const char *key = json_object_get(row, "public-key") ? "public-key" : "key";
	hex_of(row, key, public, sizeof(public));
	assert_int_not_equal(
		paseto_open(token, strlen(token), public, text_of(row, "implicit-assertion"), &payload, &n),
		0);
	assert_null(payload);
}

static void test_paseto_v4_public(void **state)
{
	json_t *document = load_public("paseto_v4.json");
	json_t *tests = json_object_get(document, "tests");
	size_t good = 0;
	size_t bad = 0;
	(void)state;
	for (size_t i = 0; i < json_array_size(tests); i++) {
		json_t *row = json_array_get(tests, i);
		if (json_is_true(json_object_get(row, "expect-fail"))) {
			check_refused(row);
			bad++;
		} else if (strncmp(text_of(row, "name"), "4-S-", 4) == 0) {
			check_signed(row);
			good++;
		} else {
			check_refused(row); /* v4.local: another purpose is never taken for ours */
		}
	}
	assert_int_equal(good, 3);
	assert_int_equal(bad, 5);
	json_decref(document);
}

/* --- PASERK --- */

enum paserk_kind { KIND_PUBLIC, KIND_SECRET, KIND_PID, KIND_SID };

static void paserk_write(enum paserk_kind kind, const uint8_t *key, char *out)
{
	switch (kind) {
	case KIND_PUBLIC:
		paserk_public_write(key, out);
		break;
	case KIND_SECRET:
		paserk_secret_write(key, out);
		break;
	case KIND_PID:
		paserk_pid_write(key, out);
		break;
	default:
		paserk_sid_write(key, out);
	}
}

static void check_paserk(enum paserk_kind kind, json_t *row)
{
	uint8_t key[PASETO_SECRET];
	uint8_t back[PASETO_SECRET];
	char text[PASERK_SECRET_TEXT];
	size_t want = kind == KIND_SECRET || kind == KIND_SID ? PASETO_SECRET : PASETO_PUBLIC;
	const char *paserk = text_of(row, "paserk");
	assert_int_equal(hex_of(row, "key", key, sizeof(key)), want);
	paserk_write(kind, key, text);
	assert_string_equal(text, paserk);
	if (kind == KIND_PUBLIC)
		assert_int_equal(paserk_public_read(paserk, strlen(paserk), back), 0);
	if (kind == KIND_SECRET)
		assert_int_equal(paserk_secret_read(paserk, strlen(paserk), back), 0);
	if (kind == KIND_PUBLIC || kind == KIND_SECRET)
		assert_memory_equal(back, key, want);
}

/* The failing rows have keys of another length or version; ours are of one length by type, so their texts are
 * tried. */
static void check_paserk_refused(enum paserk_kind kind, json_t *row)
{
	uint8_t key[256];
	uint8_t back[PASETO_SECRET];
	char text[600] = "";
	size_t n = hex_of(row, "key", key, sizeof(key));
	bool secret = kind == KIND_SECRET || kind == KIND_SID;
	strcpy(text, secret ? "k4.secret." : "k4.public.");
	sodium_bin2base64(text + 10, sizeof(text) - 10, key, n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	assert_int_equal(secret ? paserk_secret_read(text, strlen(text), back)
				: paserk_public_read(text, strlen(text), back),
			 E_KEY_INVALID);
}

static void check_paserk_file(enum paserk_kind kind, const char *name)
{
	json_t *document = load_public(name);
	json_t *tests = json_object_get(document, "tests");
	size_t good = 0;
	for (size_t i = 0; i < json_array_size(tests); i++) {
		json_t *row = json_array_get(tests, i);
		if (json_is_true(json_object_get(row, "expect-fail"))) {
			check_paserk_refused(kind, row);
		} else {
			check_paserk(kind, row);
			good++;
		}
	}
	assert_int_equal(good, 3);
	json_decref(document);
}

static void test_k4_public(void **state)
{
	(void)state;
	check_paserk_file(KIND_PUBLIC, "paseto_k4.public.json");
}

static void test_k4_secret(void **state)
{
	(void)state;
	check_paserk_file(KIND_SECRET, "paseto_k4.secret.json");
}

static void test_k4_pid(void **state)
{
	(void)state;
	check_paserk_file(KIND_PID, "paseto_k4.pid.json");
}

static void test_k4_sid(void **state)
{
	(void)state;
	check_paserk_file(KIND_SID, "paseto_k4.sid.json");
}

static void check_wrapped(json_t *row)
{
	uint8_t want[PASETO_SECRET] = {0};
	uint8_t got[PASETO_SECRET] = {0};
	bool fails = json_is_true(json_object_get(row, "expect-fail"));
	const char *text = text_of(row, "paserk");
	const char *passphrase =
		text_of(row, "password"); /* as it is typed, also where it looks like hexadecimal */
	int error = paserk_unwrap(text, strlen(text), passphrase, strlen(passphrase), got);
	if (error == E_NO_MEMORY) {
		print_message("SKIP %s, reason: memory for Argon2id is lacking\n", text_of(row, "name"));
		return;
	}
	if (!fails) {
		hex_of(row, "unwrapped", want, sizeof(want));
		assert_int_equal(error, 0);
		assert_memory_equal(got, want, sizeof(want));
	} else {
		assert_true(error == E_PASSPHRASE_WRONG || error == E_KEY_INVALID);
		assert_true(sodium_is_zero(got, sizeof(got)));
	}
}

static void test_k4_secret_pw(void **state)
{
	json_t *document = load_public("paseto_k4.secret-pw.json");
	json_t *tests = json_object_get(document, "tests");
	(void)state;
	assert_int_equal(json_array_size(tests), 6);
	for (size_t i = 0; i < json_array_size(tests); i++)
		check_wrapped(json_array_get(tests, i));
	json_decref(document);
}

/* --- our own --- */

static void test_device_ids(void **state)
{
	json_t *document = load_own("device_id.json");
	json_t *rows = json_object_get(document, "device_ids");
	(void)state;
	assert_true(json_array_size(rows) > 0);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		json_t *row = json_array_get(rows, i);
		uint8_t fixed[NOISE_KEY];
		uint8_t sign[PASETO_PUBLIC];
		uint8_t id[DEVICE_ID];
		char text[DEVICE_ID_TEXT];
		hex_of(row, "static", fixed, sizeof(fixed));
		hex_of(row, "sign", sign, sizeof(sign));
		device_id(fixed, sign, id);
		device_id_write(id, text);
		assert_string_equal(text, text_of(row, "id"));
	}
	json_decref(document);
}

static void check_preamble(json_t *row)
{
	uint8_t bytes[LIMIT_PREAMBLE];
	struct preamble p;
	assert_int_equal(hex_of(row, "hex", bytes, sizeof(bytes)), LIMIT_PREAMBLE);
	int error = preamble_read(bytes, &p);
	assert_string_equal(error ? error_name(error) : "ok", text_of(row, "result"));
}

static void check_frame(json_t *row)
{
	uint8_t bytes[64];
	size_t body = 0;
	size_t n = hex_of(row, "hex", bytes, sizeof(bytes));
	int whole = frame_peek(bytes, n, (size_t)json_integer_value(json_object_get(row, "max")), &body);
	json_t *want = json_object_get(row, "result");
	if (json_is_integer(want)) {
		assert_int_equal(whole, 1);
		assert_int_equal(body, json_integer_value(want));
	} else {
		assert_string_equal(whole == 0 ? "more" : error_name(whole), json_string_value(want));
	}
}

static void check_refusal(json_t *row)
{
	uint8_t want[FRAME_REFUSAL];
	uint8_t got[FRAME_REFUSAL];
	unsigned retry = 0;
	int code = (int)json_integer_value(json_object_get(row, "code"));
	assert_int_equal(hex_of(row, "hex", want, sizeof(want)), sizeof(want));
	if (error_row(code)->number == code) {
		refusal_write(-code, (unsigned)json_integer_value(json_object_get(row, "retry_after")), got);
		assert_memory_equal(got, want, sizeof(want));
	}
	code = refusal_read(want + LIMIT_PREAMBLE + FRAME_HEADER, FRAME_REFUSAL_BODY, &retry);
	assert_string_equal(error_name(code), text_of(row, "reads"));
	assert_int_equal(retry, json_integer_value(json_object_get(row, "waits")));
}

static void test_frames(void **state)
{
	json_t *document = load_own("frames.json");
	json_t *rows = json_object_get(document, "preambles");
	(void)state;
	for (size_t i = 0; i < json_array_size(rows); i++)
		check_preamble(json_array_get(rows, i));
	rows = json_object_get(document, "frames");
	for (size_t i = 0; i < json_array_size(rows); i++)
		check_frame(json_array_get(rows, i));
	rows = json_object_get(document, "refusals");
	assert_true(json_array_size(rows) > 0);
	for (size_t i = 0; i < json_array_size(rows); i++)
		check_refusal(json_array_get(rows, i));
	json_decref(document);
}

/* What waits to be sent must be these bytes. */
static void expect_out(struct channel *ch, json_t *v, const char *key)
{
	static uint8_t want[ROOM];
	size_t n = hex_of(v, key, want, sizeof(want));
	assert_int_equal(ch->out.used, n);
	assert_memory_equal(ch->out.bytes, want, n);
	buffer_drop(&ch->out, n);
}

static void feed(struct channel *ch, json_t *v, const char *key, int event)
{
	static uint8_t bytes[ROOM];
	size_t n = hex_of(v, key, bytes, sizeof(bytes));
	assert_int_equal(channel_feed(ch, bytes, n), 0);
	assert_int_equal(channel_next(ch), event);
}

static void expect_payload(json_t *v, const char *key, const uint8_t *payload, size_t n)
{
	static uint8_t want[ROOM];
	assert_int_equal(n, hex_of(v, key, want, sizeof(want)));
	assert_memory_equal(payload, want, n);
}

static void channel_of(struct channel *ch, json_t *v, bool client)
{
	struct noise_pair local;
	struct noise_pair ephemeral;
	pair_of(v, client ? "client_static" : "host_static", &local);
	pair_of(v, client ? "client_ephemeral" : "host_ephemeral", &ephemeral);
	channel_init(ch, client ? NOISE_INITIATOR : NOISE_RESPONDER, &local, &ephemeral);
}

static void run_client(json_t *v)
{
	static uint8_t bytes[ROOM];
	struct channel ch;
	const uint8_t *payload;
	size_t n;
	channel_of(&ch, v, true);
	assert_int_equal(channel_start(&ch, bytes, hex_of(v, "client_hello", bytes, sizeof(bytes))), 0);
	expect_out(&ch, v, "flight_1");
	feed(&ch, v, "flight_2", CHANNEL_ANSWER);
	assert_int_equal(channel_answer(&ch, &payload, &n), 0);
	expect_payload(v, "server_hello", payload, n);
	assert_int_equal(channel_confirm(&ch, bytes, hex_of(v, "request", bytes, sizeof(bytes))), 0);
	expect_out(&ch, v, "flight_3");
	expect_payload(v, "handshake_hash", channel_hash(&ch), NOISE_HASH);
	feed(&ch, v, "flight_4", CHANNEL_MESSAGE);
	assert_int_equal(channel_open(&ch, &payload, &n), 0);
	expect_payload(v, "response", payload, n);
	channel_fini(&ch);
}

static void run_host(json_t *v)
{
	static uint8_t bytes[ROOM];
	struct channel ch;
	const uint8_t *payload;
	size_t n;
	channel_of(&ch, v, false);
	feed(&ch, v, "flight_1", CHANNEL_HELLO);
	payload = channel_payload(&ch, &n);
	expect_payload(v, "client_hello", payload, n);
	assert_int_equal(channel_accept(&ch, bytes, hex_of(v, "server_hello", bytes, sizeof(bytes))), 0);
	expect_out(&ch, v, "flight_2");
	feed(&ch, v, "flight_3", CHANNEL_SEALED);
	assert_int_equal(channel_finish(&ch, &payload, &n), 0);
	expect_payload(v, "request", payload, n);
	channel_done(&ch);
	expect_payload(v, "handshake_hash", channel_hash(&ch), NOISE_HASH);
	assert_int_equal(channel_seal(&ch, bytes, hex_of(v, "response", bytes, sizeof(bytes))), 0);
	expect_out(&ch, v, "flight_4");
	channel_fini(&ch);
}

static void test_a_connection_byte_for_byte(void **state)
{
	json_t *document = load_own("handshake.json");
	(void)state;
	run_client(document);
	run_host(document);
	json_decref(document);
}

static void test_each_token_is_read_and_written_alike(void **state)
{
	struct tokens t;
	struct license license;
	struct product_file product;
	struct certificate cert;
	struct lease lease;
	struct host_request request;
	static struct license_request more;
	struct revocations list;
	struct checkpoint point;
	char *token = NULL;
	(void)state;
	tokens_load(&t);
	const char *text = token_of(&t, "license");
	assert_int_equal(license_open(text, strlen(text), ROOTS_OF(t.vendor), &license, NULL), 0);
	expect_token(&t, "license", license_sign(&license, t.vendor_secret, &token), &token);
	license_fini(&license);
	text = token_of(&t, "product");
	assert_int_equal(product_file_open(text, strlen(text), ROOTS_OF(t.vendor), &product, NULL), 0);
	expect_token(&t, "product", product_file_sign(&product, t.vendor_secret, &token), &token);
	text = token_of(&t, "certificate");
	assert_int_equal(certificate_open(text, strlen(text), ROOTS_OF(t.vendor), &cert, NULL), 0);
	expect_token(&t, "certificate", certificate_sign(&cert, t.vendor_secret, &token), &token);
	text = token_of(&t, "lease");
	assert_int_equal(lease_open(text, strlen(text), t.host, &lease, NULL), 0);
	expect_token(&t, "lease", lease_sign(&lease, t.host_secret, &token), &token);
	text = token_of(&t, "host-request");
	assert_int_equal(host_request_open(text, strlen(text), &request, NULL), 0);
	expect_token(&t, "host-request", host_request_sign(&request, t.host_secret, &token), &token);
	text = token_of(&t, "license-request");
	assert_int_equal(license_request_open(text, strlen(text), t.host, &more, NULL), 0);
	expect_token(&t, "license-request", license_request_sign(&more, t.host_secret, &token), &token);
	text = token_of(&t, "revocations");
	assert_int_equal(revocations_open(text, strlen(text), ROOTS_OF(t.vendor), &list, NULL), 0);
	expect_token(&t, "revocations", revocations_sign(&list, t.vendor_secret, &token), &token);
	revocations_fini(&list);
	text = token_of(&t, "checkpoint");
	assert_int_equal(checkpoint_open(text, strlen(text), &point, NULL), 0);
	expect_token(&t, "checkpoint", checkpoint_sign(&point, t.host_secret, &token), &token);
	json_decref(t.document);
}

static void test_the_payloads_are_the_claims(void **state)
{
	struct tokens t;
	const char *kind;
	json_t *row;
	(void)state;
	tokens_load(&t);
	json_object_foreach (json_object_get(t.document, "tokens"), kind, row) {
		char typ[32];
		json_t *claims = NULL;
		const char *token = text_of(row, "token");
		snprintf(typ, sizeof(typ), "muster.%s", kind);
		const char *signer = text_of(row, "signer");
		const uint8_t *key = strcmp(signer, "host") == 0     ? t.host
				     : strcmp(signer, "device") == 0 ? t.device
								     : t.vendor;
		assert_non_null(token_kind_by_typ(typ));
		assert_int_equal(token_open(token_kind_by_typ(typ), token, strlen(token), key, &claims), 0);
		assert_true(json_equal(claims, json_object_get(row, "claims")));
		json_decref(claims);
	}
	json_decref(t.document);
}

static void test_the_lease_verifies(void **state)
{
	struct tokens t;
	struct lease lease;
	struct certificate cert;
	char text[DEVICE_ID_TEXT];
	(void)state;
	tokens_load(&t);
	assert_int_equal(lease_verify(token_of(&t, "lease"), token_of(&t, "certificate"), ROOTS_OF(t.vendor),
				      text_of(t.document, "product"), NULL, &lease, &cert),
			 0);
	device_id_write(lease.device, text);
	assert_string_equal(text, text_of(t.document, "device"));
	assert_int_equal(lease_verify(token_of(&t, "lease"), token_of(&t, "certificate"), ROOTS_OF(t.host),
				      text_of(t.document, "product"), NULL, &lease, &cert),
			 E_HOST_UNTRUSTED);
	json_decref(t.document);
}

static int setup(void **state)
{
	(void)state;
	return sodium_init() < 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_noise_vector),
		cmocka_unit_test(test_paseto_v4_public),
		cmocka_unit_test(test_k4_public),
		cmocka_unit_test(test_k4_secret),
		cmocka_unit_test(test_k4_pid),
		cmocka_unit_test(test_k4_sid),
		cmocka_unit_test(test_k4_secret_pw),
		cmocka_unit_test(test_device_ids),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_a_connection_byte_for_byte),
		cmocka_unit_test(test_each_token_is_read_and_written_alike),
		cmocka_unit_test(test_the_payloads_are_the_claims),
		cmocka_unit_test(test_the_lease_verifies),
	};
	return cmocka_run_group_tests_name("vectors", tests, setup, NULL);
}
