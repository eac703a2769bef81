/* SPDX-License-Identifier: Apache-2.0 */
/* Every way in which an audit log can be tampered with, on a log of which each row is tried. */
#include "fixture.h"

#include <stdlib.h>

#include "audit_check.h"
#include "error.h"

#define ROWS 12
#define EVERY 4 /* rows between checkpoints */
#define POINTS (ROWS / EVERY)
#define MORE 2 /* room for rows that are put in */

struct log_row {
	int64_t seq;
	struct audit audit;
	uint8_t hash[AUDIT_HASH];
};

struct log_point {
	int64_t seq;
	int64_t at;
	char *token;
};

struct log {
	struct log_row rows[ROWS + MORE];
	size_t n;
	struct log_point points[POINTS + 1];
	size_t n_points;
};

static const uint8_t ledger[LEDGER_ID] = {7};
static uint8_t host[PASETO_PUBLIC];
static uint8_t host_secret[PASETO_SECRET];
static uint8_t other[PASETO_PUBLIC];
static uint8_t other_secret[PASETO_SECRET];

static char *sign(const struct log_row *row, int64_t previous, const uint8_t *public, const uint8_t *secret,
		  const uint8_t *of)
{
	struct checkpoint p = {
		.head = {.iat = NOW + row->seq, .jti = "c"}, .seq = row->seq, .previous = previous};
	char *token;
	paserk_pid_write(public, p.head.iss);
	memcpy(p.sign, public, sizeof(p.sign));
	memcpy(p.ledger, of, LEDGER_ID);
	memcpy(p.hash, row->hash, AUDIT_HASH);
	assert_int_equal(checkpoint_sign(&p, secret, &token), 0);
	return token;
}

static void chain(struct log *log)
{
	static const uint8_t zero[AUDIT_HASH];
	for (size_t i = 0; i < log->n; i++)
		audit_hash(i ? log->rows[i - 1].hash : zero, log->rows[i].seq, &log->rows[i].audit,
			   log->rows[i].hash);
}

static void sign_all(struct log *log, size_t rows)
{
	log->n_points = 0;
	for (size_t i = EVERY; i <= rows; i += EVERY)
		log->points[log->n_points++] = (struct log_point){
			(int64_t)i, NOW + (int64_t)i,
			sign(&log->rows[i - 1], (int64_t)(i - EVERY), host, host_secret, ledger)};
}

static struct log made(bool pruned)
{
	struct log log = {.n = ROWS};
	for (size_t i = 0; i < ROWS; i++)
		log.rows[i] =
			(struct log_row){.seq = (int64_t)i + 1,
					 .audit = {NOW + (int64_t)i, "uid:0", "user.add", "kari", "{}"}};
	if (pruned)
		log.rows[8].audit = (struct audit){NOW + 8, "host", AUDIT_PRUNED, "", "{\"through\":4}"};
	chain(&log);
	sign_all(&log, ROWS);
	return log;
}

static struct log whole(void)
{
	return made(false);
}

static void release(struct log *log)
{
	for (size_t i = 0; i < log->n_points; i++)
		free(log->points[i].token);
}

static struct audit_check run(const struct log *log)
{
	struct audit_check c = {.ledger = ledger};
	size_t p = 0;
	audit_check_signer(&c, host);
	for (size_t i = 0; i < log->n; i++) {
		for (; p < log->n_points && log->points[p].seq < log->rows[i].seq; p++)
			audit_check_point(&c, log->points[p].seq, log->points[p].at, log->points[p].token);
		audit_check_row(&c, log->rows[i].seq, &log->rows[i].audit, log->rows[i].hash);
	}
	for (; p < log->n_points; p++)
		audit_check_point(&c, log->points[p].seq, log->points[p].at, log->points[p].token);
	bool good = audit_check_end(&c);
	assert_int_equal(good, c.code == 0);
	return c;
}

static void assert_found(struct log *log, int code, int64_t bad)
{
	struct audit_check c = run(log);
	if (c.code != code || c.bad != bad)
		print_error("wanted %s %lld, got %s %lld: %s\n", error_name(code), (long long)bad,
			    error_name(c.code), (long long)c.bad, c.what);
	assert_int_equal(c.code, code);
	assert_int_equal(c.bad, bad);
	release(log);
}

static void drop_row(struct log *log, size_t i)
{
	memmove(&log->rows[i], &log->rows[i + 1], (log->n - i - 1) * sizeof(log->rows[0]));
	log->n--;
}

static void drop_point(struct log *log, size_t i)
{
	free(log->points[i].token);
	memmove(&log->points[i], &log->points[i + 1], (log->n_points - i - 1) * sizeof(log->points[0]));
	log->n_points--;
}

static void test_a_whole_log_passes(void **state)
{
	struct log log = whole();
	struct audit_check c = run(&log);
	(void)state;
	assert_int_equal(c.code, 0);
	assert_int_equal(c.rows, ROWS);
	assert_int_equal(c.points, POINTS);
	assert_int_equal(c.signed_through, ROWS);
	assert_int_equal(c.signers[0].points, POINTS);
	assert_memory_equal(c.hash, log.rows[ROWS - 1].hash, AUDIT_HASH);
	release(&log);
	struct log empty = {.n = 0};
	assert_int_equal(run(&empty).code, 0);
}

static void test_every_altered_field_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		for (int field = 0; field < 5; field++) {
			struct log log = whole();
			struct audit *a = &log.rows[i].audit;
			const char **texts[] = {&a->actor, &a->action, &a->object, &a->detail};
			if (field < 4)
				*texts[field] = "forged";
			else
				a->at++;
			assert_found(&log, E_AUDIT_BROKEN, (int64_t)i + 1);
		}
		for (size_t byte = 0; byte < AUDIT_HASH; byte++) {
			struct log log = whole();
			log.rows[i].hash[byte] ^= 1;
			assert_found(&log, E_AUDIT_BROKEN, (int64_t)i + 1);
		}
	}
}

static void test_every_lost_row_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct log log = whole();
		drop_row(&log, i);
		assert_found(&log, E_AUDIT_BROKEN, (int64_t)i + 1);
	}
	for (size_t left = 0; left < ROWS; left++) { /* and every tail */
		struct log log = whole();
		log.n = left;
		/* Where nothing is left, the first checkpoint is what the rest must hang on. */
		assert_found(&log, E_AUDIT_BROKEN, left ? (int64_t)left + 1 : EVERY + 1);
	}
	for (size_t lost = 1; lost < ROWS; lost++) { /* and every head */
		struct log log = whole();
		for (size_t i = 0; i < lost; i++)
			drop_row(&log, 0);
		assert_found(&log, E_AUDIT_BROKEN, lost <= EVERY ? 1 : EVERY + 1);
	}
}

static void test_rows_in_another_place_are_found(void **state)
{
	(void)state;
	for (size_t i = 0; i + 1 < ROWS; i++) {
		struct log log = whole();
		struct log_row first = log.rows[i];
		log.rows[i].audit = log.rows[i + 1].audit;
		memcpy(log.rows[i].hash, log.rows[i + 1].hash, AUDIT_HASH);
		log.rows[i + 1].audit = first.audit;
		memcpy(log.rows[i + 1].hash, first.hash, AUDIT_HASH);
		assert_found(&log, E_AUDIT_BROKEN, (int64_t)i + 1);
		log = whole();
		log.rows[i].seq += 100; /* it would come last */
		first = log.rows[i];
		drop_row(&log, i);
		log.rows[log.n++] = first;
		/* Without the first, the rest could be what a pruning left, as far as one can see by then. */
		assert_found(&log, E_AUDIT_BROKEN, i ? (int64_t)i + 1 : ROWS + 1);
	}
	struct log log = whole(); /* one more, behind the last */
	log.rows[log.n] = log.rows[log.n - 1];
	log.rows[log.n++].seq = ROWS + 1;
	assert_found(&log, E_AUDIT_BROKEN, ROWS + 1);
}

/* Whoever computes the chain anew cannot sign it: the first checkpoint over a changed row tells. */
static void test_a_log_written_anew_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct log log = whole();
		log.rows[i].audit.object = "forged";
		chain(&log);
		assert_found(&log, E_AUDIT_BROKEN, (int64_t)(i / EVERY + 1) * EVERY);
	}
}

static void test_checkpoints_are_judged(void **state)
{
	static const uint8_t another[LEDGER_ID] = {8};
	(void)state;
	for (size_t i = 0; i < POINTS; i++) {
		int64_t seq = (int64_t)(i + 1) * EVERY;
		struct log log = whole();
		size_t length = strlen(log.points[i].token);
		log.points[i].at++;
		assert_found(&log, E_AUDIT_CHECKPOINT, seq);
		for (size_t at = 0; at < length; at += 7) {
			log = whole();
			log.points[i].token[at] ^= 1;
			assert_found(&log, E_AUDIT_CHECKPOINT, seq);
		}
		for (int stranger = 0; stranger < 2; stranger++) {
			log = whole();
			free(log.points[i].token);
			log.points[i].token =
				sign(&log.rows[seq - 1], seq - EVERY, stranger ? other : host,
				     stranger ? other_secret : host_secret, stranger ? ledger : another);
			assert_found(&log, E_AUDIT_CHECKPOINT, seq);
		}
		if (i + 1 == POINTS)
			continue; /* that the newest one is lost only the log can tell */
		log = whole();
		drop_point(&log, i);
		assert_found(&log, E_AUDIT_CHECKPOINT, seq);
	}
	struct log log = whole();
	log.points[1].seq++;
	assert_found(&log, E_AUDIT_CHECKPOINT, 2 * EVERY + 1);
}

/* A checkpoint moved to where it would be believed. */
static void test_a_swapped_pair_of_checkpoints_is_found(void **state)
{
	struct log log = whole();
	char *first = log.points[0].token;
	(void)state;
	log.points[0].token = log.points[1].token;
	log.points[1].token = first;
	assert_found(&log, E_AUDIT_CHECKPOINT, EVERY);
}

static void test_a_pruned_log_hangs_on_its_checkpoint(void **state)
{
	(void)state;
	for (size_t gone = 1; gone <= EVERY; gone++) { /* in slices: some are still there */
		struct log log = made(true);
		for (size_t i = 0; i < gone; i++)
			drop_row(&log, 0);
		struct audit_check c = run(&log);
		assert_int_equal(c.code, 0);
		assert_int_equal(c.pruned, EVERY);
		assert_int_equal(c.rows, ROWS - gone);
		log.rows[log.n - 1].audit.object = "forged";
		assert_found(&log, E_AUDIT_BROKEN, ROWS);
	}
	struct log log = made(true);
	drop_point(&log, 0);
	for (size_t i = 0; i < EVERY; i++)
		drop_row(&log, 0);
	assert_found(&log, E_AUDIT_BROKEN, 1); /* it was pruned up to 4, not up to 8 */
}

static void test_a_head_that_nothing_pruned_is_found(void **state)
{
	(void)state;
	for (size_t gone = 1; gone <= EVERY; gone++) {
		struct log log = whole();
		for (size_t i = 0; i < gone; i++)
			drop_row(&log, 0);
		assert_found(&log, E_AUDIT_BROKEN, 1);
	}
}

/* A host that took over: both have signed. Without the list of hosts, whoever signed is shown. */
static void test_former_hosts_and_strangers(void **state)
{
	struct log log = whole();
	struct audit_check c = {.strangers = true};
	(void)state;
	free(log.points[2].token);
	log.points[2].token = sign(&log.rows[ROWS - 1], 2 * EVERY, other, other_secret, ledger);
	size_t p = 0;
	for (size_t i = 0; i < log.n; i++) {
		assert_true(audit_check_row(&c, log.rows[i].seq, &log.rows[i].audit, log.rows[i].hash));
		if (log.points[p].seq == log.rows[i].seq) {
			assert_true(audit_check_point(&c, log.points[p].seq, log.points[p].at,
						      log.points[p].token));
			p++;
		}
	}
	assert_true(audit_check_end(&c));
	assert_int_equal(c.n_signers, 2);
	assert_int_equal(c.signers[0].points, 2);
	assert_memory_equal(c.signer, other, PASETO_PUBLIC);
	assert_found(&log, E_AUDIT_CHECKPOINT, ROWS);
}

static int setup(void **state)
{
	static const uint8_t seeds[2][crypto_sign_SEEDBYTES] = {{1}, {2}};
	(void)state;
	return sodium_init() < 0 || crypto_sign_seed_keypair(host, host_secret, seeds[0]) ||
	       crypto_sign_seed_keypair(other, other_secret, seeds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_whole_log_passes),
		cmocka_unit_test(test_every_altered_field_is_found),
		cmocka_unit_test(test_every_lost_row_is_found),
		cmocka_unit_test(test_rows_in_another_place_are_found),
		cmocka_unit_test(test_a_log_written_anew_is_found),
		cmocka_unit_test(test_checkpoints_are_judged),
		cmocka_unit_test(test_a_swapped_pair_of_checkpoints_is_found),
		cmocka_unit_test(test_a_pruned_log_hangs_on_its_checkpoint),
		cmocka_unit_test(test_a_head_that_nothing_pruned_is_found),
		cmocka_unit_test(test_former_hosts_and_strangers),
	};
	return cmocka_run_group_tests_name("protocol/audit_check", tests, setup, NULL);
}
