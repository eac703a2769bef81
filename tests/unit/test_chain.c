/* SPDX-License-Identifier: Apache-2.0 */
/* Roots, issuing keys, and who may sign what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sodium.h>

#include "certificate.h"
#include "chain.h"
#include "error.h"
#include "revocations.h"

#define DAY 86400
#define NOW 1800000000LL

struct pair {
	uint8_t public[PASETO_PUBLIC];
	uint8_t secret[PASETO_SECRET];
	char pid[PASERK_ID_TEXT];
};

static struct pair root, next, issuer, stranger;

static struct pair make_pair(uint8_t seed)
{
	struct pair p;
	uint8_t bytes[crypto_sign_SEEDBYTES];
	memset(bytes, seed, sizeof(bytes));
	crypto_sign_seed_keypair(p.public, p.secret, bytes);
	paserk_pid_write(p.public, p.pid);
	return p;
}

static int set_up(void **state)
{
	(void)state;
	root = make_pair(1);
	next = make_pair(2);
	issuer = make_pair(3);
	stranger = make_pair(4);
	return sodium_init() < 0;
}

static struct roots both(void)
{
	struct roots r = roots_of(root.public);
	struct roots more = roots_of(next.public);
	assert_true(roots_join(&r, &more));
	return r;
}

static struct issuing_key usual_key(void)
{
	struct issuing_key k = {.uses = ISSUING_LICENSE | ISSUING_CERTIFICATE,
				.nbf = NOW - DAY,
				.exp = NOW + DAY,
				.head = {.iat = NOW, .jti = "AAAAAAAAAAAAAAAAAAAAAA"}};
	memcpy(k.head.iss, root.pid, sizeof(root.pid));
	memcpy(k.key, issuer.public, PASETO_PUBLIC);
	return k;
}

static char *statement(const struct issuing_key *k, const struct pair *by)
{
	char *token = NULL;
	assert_int_equal(issuing_key_sign(k, by->secret, &token), 0);
	return token;
}

/* A file of a kind with nothing but a head, made at a time. */
static char *signed_file(const struct token_kind *kind, const struct pair *by, const char *footer,
			 const char *iss, int64_t iat)
{
	char *token = NULL;
	json_t *claims = token_claims(kind, iss, iat, "AAAAAAAAAAAAAAAAAAAAAA");
	assert_int_equal(token_sign(claims, by->secret, footer, &token), 0);
	json_decref(claims);
	return token;
}

static int open_file(const struct token_kind *kind, char *token, const struct roots *vendor,
		     struct chain *ret)
{
	struct claims c = {0};
	struct claims_head head;
	json_t *claims = NULL;
	int error = chain_open(kind, token, strlen(token), vendor, &c, &head, ret, &claims);
	if (!error)
		json_decref(claims);
	free(token);
	return error ? error : c.error;
}

/* --- roots --- */

static void test_roots_as_text(void **state)
{
	char text[ROOTS_TEXT];
	char file[2 * ROOTS_TEXT];
	struct roots r = both();
	struct roots back;
	(void)state;
	roots_write(&r, text);
	assert_int_equal(roots_read(text, strlen(text), &back), 0);
	assert_memory_equal(&r, &back, sizeof(r));
	snprintf(file, sizeof(file), "# Acme\r\n%.53s\t# the current one\n\n%s # the next\n", text,
		 text + 54);
	assert_int_equal(roots_read(file, strlen(file), &back), 0);
	assert_memory_equal(&r, &back, sizeof(r));
	snprintf(file, sizeof(file), "%s %.53s", text, text);
	assert_int_equal(roots_read(file, strlen(file), &back), E_KEY_INVALID); /* the same one twice */
	assert_int_equal(roots_read("", 0, &back), E_KEY_INVALID);
	assert_int_equal(roots_read(" # nothing", 10, &back), E_KEY_INVALID);
	assert_int_equal(roots_read(text, strlen(text) - 1, &back), E_KEY_INVALID);
	snprintf(file, sizeof(file), "%s k4.secret.AAAA", text);
	assert_int_equal(roots_read(file, strlen(file), &back), E_KEY_INVALID);
}

static void test_no_more_roots_than_there_is_room_for(void **state)
{
	struct roots r = roots_of(root.public);
	(void)state;
	for (uint8_t i = 10; i < 10 + ROOTS_MAX - 1; i++) {
		struct roots more = roots_of(make_pair(i).public);
		assert_true(roots_join(&r, &more));
		assert_true(roots_join(&r, &more)); /* it has it already */
	}
	struct roots more = roots_of(stranger.public);
	assert_false(roots_join(&r, &more));
	assert_false(roots_have(&r, stranger.public));
	assert_int_equal(r.n, ROOTS_MAX);
}

/* --- chains --- */

static void test_either_root_signs(void **state)
{
	struct roots vendor = both();
	struct roots one = roots_of(root.public);
	struct chain chain;
	(void)state;
	assert_int_equal(open_file(&token_revocations,
				   signed_file(&token_revocations, &root, root.pid, root.pid, NOW), &vendor,
				   &chain),
			 0);
	assert_string_equal(chain.signer, root.pid);
	assert_string_equal(chain.root, root.pid);
	assert_int_equal(open_file(&token_revocations,
				   signed_file(&token_revocations, &next, next.pid, root.pid, NOW), &vendor,
				   &chain),
			 0);
	assert_string_equal(chain.signer, next.pid);
	assert_int_equal(open_file(&token_revocations,
				   signed_file(&token_revocations, &next, next.pid, root.pid, NOW), &one,
				   &chain),
			 E_SIGNATURE_INVALID);
	/* In whose name must be said. */
	assert_int_equal(open_file(&token_revocations,
				   signed_file(&token_revocations, &next, next.pid, next.pid, NOW), &vendor,
				   &chain),
			 E_CLAIM_INVALID);
	assert_int_equal(open_file(&token_license,
				   signed_file(&token_license, &stranger, root.pid, root.pid, NOW), &vendor,
				   &chain),
			 E_SIGNATURE_INVALID);
}

static void test_an_issuing_key_signs(void **state)
{
	struct roots vendor = both();
	struct issuing_key k = usual_key();
	struct chain chain;
	(void)state;
	char *by_root = statement(&k, &root);
	char *by_next = statement(&k, &next);
	assert_int_equal(open_file(&token_license,
				   signed_file(&token_license, &issuer, by_root, root.pid, NOW), &vendor,
				   &chain),
			 0);
	assert_string_equal(chain.signer, issuer.pid);
	assert_string_equal(chain.root, root.pid);
	assert_int_equal(open_file(&token_certificate,
				   signed_file(&token_certificate, &issuer, by_next, root.pid, NOW), &vendor,
				   &chain),
			 0);
	assert_string_equal(chain.root, next.pid);
	/* What is a root's own, is not for it. */
	const struct token_kind *const own[] = {&token_revocations, &token_product, &token_key};
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(open_file(own[i], signed_file(own[i], &issuer, by_root, root.pid, NOW),
					   &vendor, &chain),
				 E_SIGNER_UNFIT);
	/* Somebody else's signature under its statement. */
	assert_int_equal(open_file(&token_license,
				   signed_file(&token_license, &stranger, by_root, root.pid, NOW), &vendor,
				   &chain),
			 E_SIGNATURE_INVALID);
	free(by_root);
	free(by_next);
}

static void test_the_term_of_an_issuing_key(void **state)
{
	static const struct {
		int64_t iat;
		int error;
	} rows[] = {{NOW - DAY - 1, E_SIGNER_UNFIT},
		    {NOW - DAY, 0},
		    {NOW + DAY - 1, 0},
		    {NOW + DAY, E_SIGNER_UNFIT}};
	struct roots vendor = both();
	struct issuing_key k = usual_key();
	struct chain chain;
	(void)state;
	char *token = statement(&k, &root);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(open_file(&token_license,
					   signed_file(&token_license, &issuer, token, root.pid, rows[i].iat),
					   &vendor, &chain),
				 rows[i].error);
	free(token);
}

static void test_one_use_only(void **state)
{
	struct roots vendor = both();
	struct issuing_key k = usual_key();
	struct chain chain;
	(void)state;
	k.uses = ISSUING_LICENSE;
	char *token = statement(&k, &root);
	assert_int_equal(open_file(&token_license, signed_file(&token_license, &issuer, token, root.pid, NOW),
				   &vendor, &chain),
			 0);
	assert_int_equal(open_file(&token_certificate,
				   signed_file(&token_certificate, &issuer, token, root.pid, NOW), &vendor,
				   &chain),
			 E_SIGNER_UNFIT);
	free(token);
}

/* An issuing key cannot make another one: a statement is always a root's. */
static void test_chains_end(void **state)
{
	struct roots vendor = both();
	struct issuing_key deeper = usual_key();
	struct chain chain;
	(void)state;
	memcpy(deeper.key, stranger.public, PASETO_PUBLIC);
	char *second = statement(&deeper, &issuer);
	assert_int_equal(open_file(&token_license,
				   signed_file(&token_license, &stranger, second, root.pid, NOW), &vendor,
				   &chain),
			 E_SIGNATURE_INVALID);
	free(second);
}

static void test_statements_that_are_not_made(void **state)
{
	struct issuing_key k = usual_key();
	char *token = NULL;
	(void)state;
	k.uses = 0;
	assert_int_equal(issuing_key_sign(&k, root.secret, &token), E_CLAIM_INVALID);
	k = usual_key();
	k.exp = k.nbf + (int64_t)ISSUING_DAYS_MAX * DAY;
	free(statement(&k, &root));
	k.exp++;
	assert_int_equal(issuing_key_sign(&k, root.secret, &token), E_CLAIM_INVALID);
	k.exp = k.nbf;
	assert_int_equal(issuing_key_sign(&k, root.secret, &token), E_CLAIM_INVALID);
	assert_null(token);
}

/* What another program might sign with the root's key. */
static void test_statements_that_are_not_taken(void **state)
{
	static const struct {
		const char *claim;
		const char *value;
		const char *where;
	} rows[] = {
		{"exp", "\"2099-01-01T00:00:00Z\"", "exp"},
		{"key", "\"k4.secret.A\"", "key"},
		{"key", NULL, "key"},
		{"uses", "\"license\"", "uses"},
		{"uses", "[1]", "uses"},
		{"nbf", "7", "nbf"},
		{"uses", "[\"clearing\"]", "static"},
		{"iss", "\"k4.pid.x\"", "iss"},
	};
	struct roots vendor = both();
	struct issuing_key k = usual_key();
	struct issuing_key back;
	struct claims fault;
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *token = statement(&k, &root);
		json_t *claims;
		assert_int_equal(token_peek(token, strlen(token), &claims), 0);
		free(token);
		if (rows[i].value)
			json_object_set_new(claims, rows[i].claim,
					    json_loads(rows[i].value, JSON_DECODE_ANY, NULL));
		else
			json_object_del(claims, rows[i].claim);
		claims_begin();
		assert_int_equal(token_sign(claims, root.secret, "", &token), 0);
		json_decref(claims);
		assert_int_equal(issuing_key_open(token, strlen(token), &vendor, &back, NULL, &fault),
				 E_CLAIM_INVALID);
		assert_string_equal(fault.where, rows[i].where);
		free(token);
	}
}

static void test_uses_as_text(void **state)
{
	unsigned uses;
	(void)state;
	assert_int_equal(issuing_uses_read("license", &uses), 0);
	assert_int_equal(uses, ISSUING_LICENSE);
	assert_int_equal(issuing_uses_read("certificate,clearing", &uses), 0);
	assert_int_equal(uses, ISSUING_CERTIFICATE | ISSUING_CLEARING);
	static const char *const bad[] = {"", ",", "license,", "leases", "license certificate", "licens"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(issuing_uses_read(bad[i], &uses), E_USAGE);
}

/* A use of the future is passed over, and so is no use. */
static void test_a_use_of_the_future(void **state)
{
	struct roots vendor = both();
	struct issuing_key k = usual_key();
	struct issuing_key back;
	(void)state;
	char *token = statement(&k, &root);
	json_t *claims;
	assert_int_equal(token_peek(token, strlen(token), &claims), 0);
	free(token);
	json_object_set_new(claims, "uses", json_pack("[s, s]", "leases", "license"));
	claims_begin();
	assert_int_equal(token_sign(claims, next.secret, "", &token), 0);
	json_decref(claims);
	size_t which;
	assert_int_equal(issuing_key_open(token, strlen(token), &vendor, &back, &which, NULL), 0);
	assert_int_equal(back.uses, ISSUING_LICENSE);
	assert_int_equal(which, 1);
	free(token);
}

static void test_a_key_that_clears(void **state)
{
	struct roots vendor = both();
	struct issuing_key k = usual_key();
	struct issuing_key back;
	(void)state;
	k.uses = ISSUING_CLEARING;
	memset(k.fixed, 9, sizeof(k.fixed));
	char *token = statement(&k, &root);
	assert_int_equal(issuing_key_open(token, strlen(token), &vendor, &back, NULL, NULL), 0);
	assert_memory_equal(back.fixed, k.fixed, sizeof(k.fixed));
	assert_int_equal(back.uses, ISSUING_CLEARING);
	assert_int_equal(issuing_key_at(&back, NOW), 0);
	token[strlen(token) / 2] ^= 1;
	assert_int_not_equal(issuing_key_open(token, strlen(token), &vendor, &back, NULL, NULL), 0);
	free(token);
	struct roots other = roots_of(stranger.public);
	token = statement(&k, &root);
	assert_int_equal(issuing_key_open(token, strlen(token), &other, &back, NULL, NULL),
			 E_SIGNATURE_INVALID);
	free(token);
}

/* The footer must be a statement as a whole: a longer one is taken for none. */
static void test_a_footer_too_long(void **state)
{
	struct roots vendor = both();
	struct chain chain;
	char footer[ISSUING_TOKEN + 1] = "v4.public.";
	(void)state;
	memset(footer + 10, 'A', sizeof(footer) - 11);
	footer[sizeof(footer) - 1] = 0;
	assert_int_equal(open_file(&token_license,
				   signed_file(&token_license, &issuer, footer, root.pid, NOW), &vendor,
				   &chain),
			 E_SIGNATURE_INVALID);
	footer[200] = 0;
	assert_int_equal(open_file(&token_license,
				   signed_file(&token_license, &issuer, footer, root.pid, NOW), &vendor,
				   &chain),
			 E_SIGNATURE_INVALID);
}

static void test_whose_file_it_seems_to_be(void **state)
{
	char pid[PASERK_ID_TEXT];
	(void)state;
	char *token = signed_file(&token_license, &stranger, "", root.pid, NOW);
	assert_int_equal(token_peek_issuer(token, strlen(token), pid), 0);
	assert_string_equal(pid, root.pid);
	assert_int_equal(token_peek_issuer(token, 20, pid), E_MALFORMED);
	free(token);
	token = signed_file(&token_license, &stranger, "", "somebody", NOW);
	assert_int_equal(token_peek_issuer(token, strlen(token), pid), E_CLAIM_INVALID);
	free(token);
}

/* --- certificates name the other roots --- */

static struct certificate usual_certificate(void)
{
	struct certificate c = {.nbf = NOW,
				.exp = NOW + DAY,
				.roots = both(),
				.name = "h",
				.org = "fjord",
				.license = "l",
				.head = {.iat = NOW, .jti = "AAAAAAAAAAAAAAAAAAAAAA"}};
	memcpy(c.head.iss, root.pid, sizeof(root.pid));
	memcpy(c.vendor, root.public, PASETO_PUBLIC);
	memcpy(c.sign, stranger.public, PASETO_PUBLIC);
	return c;
}

static void test_a_certificate_with_roots(void **state)
{
	struct certificate c = usual_certificate();
	struct certificate back;
	struct roots vendor = both();
	char *token = NULL;
	(void)state;
	assert_int_equal(certificate_sign(&c, next.secret, &token), 0);
	assert_int_equal(certificate_open(token, strlen(token), &vendor, &back, NULL), 0);
	assert_memory_equal(&back.roots, &vendor, sizeof(vendor));
	assert_string_equal(back.chain.signer, next.pid);
	free(token);
}

static void test_roots_that_are_none(void **state)
{
	enum { FIRST = 1, SECOND };
	static const struct {
		const char *form;
		int key; /* that stands in it, once or twice */
	} bad[] = {{"7", 0},
		   {"[7]", 0},
		   {"[\"k4.public.A\"]", 0},
		   {"[\"%s\", \"%s\"]", SECOND},
		   {"[\"%s\"]", FIRST},
		   {"[\"%s\", \"a\", \"b\", \"c\"]", SECOND}};
	struct certificate c = usual_certificate();
	struct certificate back;
	struct roots vendor = both();
	struct claims fault;
	char second[PASERK_PUBLIC_TEXT];
	char first[PASERK_PUBLIC_TEXT];
	(void)state;
	paserk_public_write(next.public, second);
	paserk_public_write(root.public, first);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char value[256];
		char *token = NULL;
		json_t *claims;
		assert_int_equal(certificate_sign(&c, root.secret, &token), 0);
		assert_int_equal(token_peek(token, strlen(token), &claims), 0);
		free(token);
		const char *key = bad[i].key == FIRST ? first : second;
		snprintf(value, sizeof(value), bad[i].form, key, key);
		json_object_set_new(claims, "roots", json_loads(value, JSON_DECODE_ANY, NULL));
		claims_begin();
		assert_int_equal(token_sign(claims, root.secret, root.pid, &token), 0);
		json_decref(claims);
		assert_int_equal(certificate_open(token, strlen(token), &vendor, &back, &fault),
				 E_CLAIM_INVALID);
		assert_string_equal(fault.where, "roots");
		free(token);
	}
}

/* --- revoked --- */

static void test_revoked_signers(void **state)
{
	char signers[1][PASERK_ID_TEXT];
	struct chain chain = {0};
	(void)state;
	memcpy(signers[0], issuer.pid, sizeof(issuer.pid));
	struct revocations list = {.number = 7,
				   .signers = signers,
				   .n_signers = 1,
				   .head = {.iat = NOW, .jti = "AAAAAAAAAAAAAAAAAAAAAA"}};
	struct revocations back;
	char *token = NULL;
	memcpy(list.head.iss, root.pid, sizeof(root.pid));
	assert_int_equal(revocations_sign(&list, root.secret, &token), 0);
	assert_int_equal(revocations_open(token, strlen(token), ROOTS_OF(root.public), &back, NULL), 0);
	free(token);
	assert_int_equal(back.n_signers, 1);
	memcpy(chain.signer, issuer.pid, sizeof(issuer.pid));
	memcpy(chain.root, root.pid, sizeof(root.pid));
	assert_true(revocations_signer(&back, &chain));
	memcpy(chain.signer, next.pid, sizeof(next.pid));
	assert_false(revocations_signer(&back, &chain));
	memcpy(back.signers[0], root.pid, sizeof(root.pid)); /* with a root goes all that comes from it */
	assert_true(revocations_signer(&back, &chain));
	revocations_fini(&back);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roots_as_text),
		cmocka_unit_test(test_no_more_roots_than_there_is_room_for),
		cmocka_unit_test(test_either_root_signs),
		cmocka_unit_test(test_an_issuing_key_signs),
		cmocka_unit_test(test_the_term_of_an_issuing_key),
		cmocka_unit_test(test_one_use_only),
		cmocka_unit_test(test_chains_end),
		cmocka_unit_test(test_statements_that_are_not_made),
		cmocka_unit_test(test_statements_that_are_not_taken),
		cmocka_unit_test(test_uses_as_text),
		cmocka_unit_test(test_a_use_of_the_future),
		cmocka_unit_test(test_a_key_that_clears),
		cmocka_unit_test(test_a_footer_too_long),
		cmocka_unit_test(test_whose_file_it_seems_to_be),
		cmocka_unit_test(test_a_certificate_with_roots),
		cmocka_unit_test(test_roots_that_are_none),
		cmocka_unit_test(test_revoked_signers),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
