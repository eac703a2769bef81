/* SPDX-License-Identifier: Apache-2.0 */
/* Exactly once: who is new, who goes on, who repeats, who is out of step; and remembered answers as bytes. */
#include "fixture.h"

#include "ratchet.h"

static uint8_t secret[RATCHET_SECRET];
static uint8_t device[DEVICE_ID];

static int setup(void **state)
{
	(void)state;
	for (uint8_t i = 0; i < RATCHET_SECRET; i++)
		secret[i] = i;
	memset(device, 9, sizeof(device));
	return sodium_init() < 0;
}

/* Made with Python's hashlib: BLAKE2b-128 keyed with 00..1f over device, counter 5, token. */
static void test_known_answer(void **state)
{
	static const uint8_t wanted[RATCHET] = {0x1b, 0x7e, 0x4b, 0x8c, 0x49, 0xac, 0x4a, 0xa4,
						0x97, 0xef, 0x17, 0x35, 0x0d, 0x23, 0x04, 0x76};
	uint8_t token[REQUEST_TOKEN];
	uint8_t made[RATCHET];
	(void)state;
	memset(token, 7, sizeof(token));
	ratchet_make(secret, device, 5, token, made);
	assert_memory_equal(made, wanted, RATCHET);
}

static void test_everything_turns_the_ratchet(void **state)
{
	uint8_t token[REQUEST_TOKEN] = {1};
	uint8_t a[RATCHET];
	uint8_t b[RATCHET];
	(void)state;
	ratchet_make(secret, device, 5, token, a);
	ratchet_make(secret, device, 6, token, b);
	assert_memory_not_equal(a, b, RATCHET);
	uint8_t *inputs[] = {secret, device, token};
	for (size_t i = 0; i < 3; i++) {
		inputs[i][0] ^= 1;
		ratchet_make(secret, device, 5, token, b);
		assert_memory_not_equal(a, b, RATCHET);
		inputs[i][0] ^= 1;
	}
	ratchet_make(secret, device, 5, token, b);
	assert_memory_equal(a, b, RATCHET);
}

/* A device that was answered twice: what is stored, and the ratchet that it holds. */
struct history {
	struct ratchet stored;
	uint8_t current[RATCHET];
	uint8_t previous[RATCHET];
};

static struct history history(void)
{
	struct history h = {.stored = {.counter = 2, .token = {2}}};
	uint8_t first[REQUEST_TOKEN] = {1};
	ratchet_make(secret, device, 1, first, h.previous);
	memcpy(h.stored.shown, h.previous, RATCHET);
	ratchet_make(secret, device, 2, h.stored.token, h.current);
	return h;
}

static struct ratchet_shown shown(uint8_t token, const uint8_t *ratchet, uint64_t counter)
{
	struct ratchet_shown s = {.token = {token}, .counter = counter};
	if (ratchet)
		memcpy(s.ratchet, ratchet, RATCHET);
	return s;
}

static void assert_judged(const struct history *h, struct ratchet_shown s, enum ratchet_judgement wanted)
{
	assert_int_equal(ratchet_judge(secret, device, &h->stored, &s), wanted);
}

static void test_a_device_that_was_never_answered(void **state)
{
	struct history h = history();
	(void)state;
	h.stored = (struct ratchet){0};
	assert_judged(&h, shown(5, NULL, 0), RATCHET_FIRST);
	assert_judged(&h, shown(5, h.current, 2), RATCHET_AHEAD); /* its host was restored from before */
}

static void test_judgements(void **state)
{
	struct history h = history();
	(void)state;
	assert_judged(&h, shown(3, h.current, 2), RATCHET_CONTINUE);
	assert_judged(&h, shown(2, h.previous, 1), RATCHET_REPEAT);
	assert_judged(&h, shown(2, h.previous, 0), RATCHET_REPEAT);   /* token and ratchet decide */
	assert_judged(&h, shown(3, h.previous, 1), RATCHET_MISMATCH); /* an older copy goes its own way */
	assert_judged(&h, shown(3, NULL, 0), RATCHET_MISMATCH);       /* state lost */
	assert_judged(&h, shown(2, NULL, 0), RATCHET_MISMATCH);
	assert_judged(&h, shown(3, h.current, 3), RATCHET_AHEAD);
	assert_judged(&h, shown(3, h.current, UINT64_MAX), RATCHET_MISMATCH); /* more than is ever counted */
	assert_judged(&h, shown(3, h.current, 1), RATCHET_MISMATCH);
	assert_judged(&h, shown(2, h.current, 2),
		      RATCHET_CONTINUE); /* the token again, but after its answer */
	h.current[15] ^= 1;
	assert_judged(&h, shown(3, h.current, 2), RATCHET_MISMATCH);
}

/* What a device shows that is ahead becomes current, until the next answer. */
static void test_an_adopted_row(void **state)
{
	struct history h = history();
	struct ratchet_shown s = shown(7, h.current, 41);
	(void)state;
	h.stored = ratchet_adopt(&s, 1234);
	assert_true(ratchet_adopted(&h.stored));
	assert_int_equal(h.stored.at, 1234);
	assert_judged(&h, s, RATCHET_CONTINUE); /* the request that it was shown for */
	assert_judged(&h, shown(8, h.current, 41), RATCHET_CONTINUE);
	assert_judged(&h, shown(8, h.previous, 41), RATCHET_MISMATCH);
	assert_judged(&h, shown(8, h.current, 42), RATCHET_AHEAD);
	h = history();
	assert_false(ratchet_adopted(&h.stored));
}

static void test_the_first_request_again(void **state)
{
	struct history h = history();
	(void)state;
	h.stored = (struct ratchet){.counter = 1, .token = {1}};
	assert_judged(&h, shown(1, NULL, 0), RATCHET_REPEAT);
	assert_judged(&h, shown(2, NULL, 0), RATCHET_MISMATCH);
	assert_judged(&h, shown(2, h.previous, 1), RATCHET_CONTINUE);
}

static void test_another_device_or_host(void **state)
{
	struct history h = history();
	struct ratchet_shown s = shown(3, h.current, 2);
	(void)state;
	device[0] ^= 1;
	assert_int_equal(ratchet_judge(secret, device, &h.stored, &s), RATCHET_MISMATCH);
	device[0] ^= 1;
	secret[0] ^= 1;
	assert_int_equal(ratchet_judge(secret, device, &h.stored, &s), RATCHET_MISMATCH);
	secret[0] ^= 1;
}

/* --- answers --- */

static void assert_line(const struct answer_line *a, const struct answer_line *b)
{
	assert_int_equal(a->code, b->code);
	assert_int_equal(a->grant, b->grant);
	assert_int_equal(a->numbers.have, b->numbers.have);
	assert_int_equal(a->numbers.need, b->numbers.need);
	assert_int_equal(a->numbers.used, b->numbers.used);
	assert_int_equal(a->numbers.quantity, b->numbers.quantity);
	assert_int_equal(a->numbers.until, b->numbers.until);
	assert_int_equal(a->issued, b->issued);
	assert_int_equal(a->expires, b->expires);
	assert_int_equal(a->renew_after, b->renew_after);
	assert_int_equal(a->serial, b->serial);
	assert_int_equal(a->plans, b->plans);
	assert_int_equal(a->have, b->have);
	assert_int_equal(a->need, b->need);
	assert_int_equal(a->renew_minutes, b->renew_minutes);
	assert_int_equal(a->retry_minutes, b->retry_minutes);
	assert_memory_equal(a->notices, b->notices, sizeof(a->notices));
}

static void assert_round_trip(const struct answer_line *lines, size_t n, uint64_t digest)
{
	uint8_t bytes[ANSWER_MAX];
	struct answer a = {.digest = digest, .n = n};
	struct answer back;
	for (size_t i = 0; i < n; i++)
		a.lines[i] = lines[i];
	for (size_t detail = 0; detail <= (n ? LIMIT_DETAIL : 0); detail += LIMIT_DETAIL) {
		memset(a.detail, 'x', detail);
		a.detail_of = detail ? n - 1 : 0;
		size_t used = answer_write(&a, bytes);
		assert_true(used <= ANSWER_MAX);
		assert_true(answer_read(bytes, used, &back));
		assert_int_equal(back.n, n);
		assert_true(back.digest == digest);
		assert_string_equal(back.detail, a.detail);
		assert_int_equal(back.detail_of, a.detail_of);
		for (size_t i = 0; i < n; i++)
			assert_line(&back.lines[i], &lines[i]);
	}
}

static const struct answer_line examples[] = {
	{.numbers = NUMBERS_NONE,
	 .grant = 1,
	 .issued = NOW,
	 .expires = NOW + 180 * (int64_t)DAY,
	 .renew_after = NOW + 60,
	 .serial = 3,
	 .plans = 5,
	 .have = 25,
	 .need = 25,
	 .renew_minutes = 10080,
	 .retry_minutes = 120},
	{.numbers = NUMBERS_NONE, .grant = 1, .issued = NOW, .serial = 1}, /* perpetual, never renewed */
	/* The largest of everything: 32 bits of numbers, 40 of times, 16 of minutes. */
	{.numbers = NUMBERS_NONE,
	 .grant = UINT32_MAX,
	 .issued = (1ll << 40) - 1,
	 .expires = (1ll << 40) - 1,
	 .renew_after = (1ll << 40) - 1,
	 .serial = UINT32_MAX,
	 .plans = UINT32_MAX,
	 .have = UINT32_MAX - 1ll,
	 .need = UINT32_MAX - 1ll,
	 .renew_minutes = UINT16_MAX,
	 .retry_minutes = UINT16_MAX,
	 .notices = {E_GRANT_ENDED, E_THRESHOLD_NOT_MET, E_QUANTITY_EXCEEDED, -UINT16_MAX}},
	{.code = E_THRESHOLD_NOT_MET,
	 .numbers = {24, 25, -1, -1, -1},
	 .have = 24,
	 .need = 25,
	 .grant = 7,
	 .retry_minutes = 120},
	{.code = E_PRODUCT_UNKNOWN, .numbers = NUMBERS_NONE},
	{.code = E_GRANT_ENDED, .numbers = {-1, -1, -1, -1, (1ll << 40) - 1}, .grant = 2},
	{.code = E_QUANTITY_EXCEEDED, .numbers = {0, 0, UINT32_MAX - 1ll, UINT32_MAX - 1ll, -1}, .grant = 2},
};

#define EXAMPLES (sizeof(examples) / sizeof(examples[0]))

static void test_answers_come_back(void **state)
{
	struct answer_line all[LIMIT_LINES];
	(void)state;
	assert_round_trip(NULL, 0, 0);
	for (size_t i = 0; i < EXAMPLES; i++)
		assert_round_trip(&examples[i], 1, UINT64_MAX);
	for (size_t n = 1; n <= LIMIT_LINES; n++) {
		for (size_t i = 0; i < n; i++)
			all[i] = examples[(n + i) % EXAMPLES];
		assert_round_trip(all, n, 0x0123456789abcdef);
	}
	for (size_t i = 0; i < LIMIT_LINES; i++)
		all[i] = examples[2];
	assert_round_trip(all, LIMIT_LINES, 1);
}

static void test_damaged_answers_are_refused(void **state)
{
	uint8_t bytes[ANSWER_MAX + 1] = {0};
	struct answer a = {.digest = 1, .lines = {examples[0], examples[1], examples[2]}, .n = 3};
	struct answer back;
	(void)state;
	size_t used = answer_write(&a, bytes);
	for (size_t i = 0; i < used; i++)
		assert_false(answer_read(bytes, i, &back));
	assert_true(answer_read(bytes, used, &back));
	assert_false(answer_read(bytes, used + 1, &back));
	for (int count = 0; count < 256; count++) {
		bytes[8] = (uint8_t)count;
		if (count != 3 &&
		    count != 4) /* lines of two lengths: four may fill the bytes of three by chance */
			assert_false(answer_read(bytes, used, &back));
	}
	assert_false(answer_read(NULL, 0, &back));
}

static void test_the_digest_of_what_was_asked(void **state)
{
	static const char *const ab[] = {"acme-cad", "acme-sim"};
	static const char *const ba[] = {"acme-sim", "acme-cad"};
	static const char *const joined[] = {"acme-cadacme-sim"};
	(void)state;
	assert_true(answer_digest(0, ab, 2) == 0xc9e7a65d7ce07bc9); /* Python's hashlib */
	assert_true(answer_digest(0, ab, 2) != answer_digest(0, ba, 2));
	assert_true(answer_digest(0, ab, 2) != answer_digest(0, ab, 1));
	assert_true(answer_digest(0, ab, 2) != answer_digest(0, joined, 1));
	assert_true(answer_digest(0, ab, 2) != answer_digest(1, ab, 2)); /* a release asks something else */
	assert_true(answer_digest(0, ab, 0) != answer_digest(0, ab, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answer),
		cmocka_unit_test(test_everything_turns_the_ratchet),
		cmocka_unit_test(test_a_device_that_was_never_answered),
		cmocka_unit_test(test_judgements),
		cmocka_unit_test(test_an_adopted_row),
		cmocka_unit_test(test_the_first_request_again),
		cmocka_unit_test(test_another_device_or_host),
		cmocka_unit_test(test_answers_come_back),
		cmocka_unit_test(test_damaged_answers_are_refused),
		cmocka_unit_test(test_the_digest_of_what_was_asked),
	};
	return cmocka_run_group_tests_name("server/domain/ratchet", tests, setup, NULL);
}
