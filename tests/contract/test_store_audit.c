/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log's end, pruning and checkpoints, alike in every store. */
#include "storekit.h"

#include "checkpoint.h"
#include "error.h"

static int take_seq(const struct row *row, void *context)
{
	*(int64_t *)context = row->u.audit.seq;
	return 0;
}

static int64_t audit_end(void)
{
	int64_t seq = 0;
	struct listing l = {.kind = LIST_AUDIT_END};
	assert_int_equal(store_page(store, &l, take_seq, &seq), 0);
	return seq;
}

/* Slices of the oldest rows go; what comes goes on behind the last, and undoing brings them back. */
static void test_the_audit_log_ends_and_is_pruned(void **state)
{
	struct effect prune = {.kind = EFFECT_PRUNE, .u.prune = {.through = 5, .limit = 3}};
	struct listing l = {.kind = LIST_AUDIT};
	struct store *reader;
	(void)state;
	assert_int_equal(audit_end(), 0);
	begin();
	for (int i = 0; i < 8; i++)
		put_audit("kept", "x");
	assert_int_equal(audit_end(), 8);
	commit();
	begin();
	apply(prune);
	assert_int_equal(list(&l), 5);
	store_rollback(store);
	assert_int_equal(list(&l), 8);
	begin();
	apply(prune);
	apply(prune);
	apply(prune); /* there is no more to take */
	put_audit("kept", "after");
	commit();
	assert_int_equal(list(&l), 4);
	assert_int_equal(audit_end(), 9);
	assert_int_equal(store_reader(store, &reader), 0);
	there.n = 0;
	list_from(reader, &l, &there);
	assert_int_equal(there.n, 4);
	store_close(reader);
}

/* A host's key, and its word on the last row. */
static void put_point(const uint8_t key_seed[crypto_sign_SEEDBYTES], int64_t previous)
{
	uint8_t secret[PASETO_SECRET];
	struct audit_check c = {.strangers = true};
	struct checkpoint p = {.head = {.iat = NOW, .jti = "c"}, .previous = previous};
	char *token;
	crypto_sign_seed_keypair(p.sign, secret, key_seed);
	paserk_pid_write(p.sign, p.head.iss);
	assert_int_equal(store_audit(store, &c), 0);
	p.seq = c.last;
	memcpy(p.hash, c.hash, AUDIT_HASH);
	assert_int_equal(checkpoint_sign(&p, secret, &token), 0);
	struct record r = {.kind = RECORD_CHECKPOINT,
			   .u.checkpoint = {.seq = p.seq, .at = NOW, .token = token}};
	begin();
	assert_int_equal(store_put(store, &r), 0);
	commit();
	free(token);
}

static void assert_audit(int code, int64_t rows, int64_t points)
{
	struct audit_check c = {.ledger = NULL};
	assert_int_equal(store_audit(store, &c), 0);
	assert_int_equal(c.code, code);
	assert_int_equal(c.rows, rows);
	assert_int_equal(c.points, points);
}

static void test_checkpoints_are_part_of_the_check(void **state)
{
	static const uint8_t seeds[2][crypto_sign_SEEDBYTES] = {{1}, {2}};
	uint8_t public[PASETO_PUBLIC];
	uint8_t secret[PASETO_SECRET];
	(void)state;
	crypto_sign_seed_keypair(public, secret, seeds[0]);
	begin();
	put_meta(SIGNER_KEY "x", public, sizeof(public));
	put_audit("kept", "one");
	put_audit("kept", "two");
	commit();
	put_point(seeds[0], 0);
	begin();
	put_audit("kept", "three");
	commit();
	put_point(seeds[0], 2);
	assert_audit(0, 3, 2);
	begin();
	put_audit("kept", "four");
	commit();
	put_point(seeds[1], 3); /* another host's */
	assert_audit(E_AUDIT_CHECKPOINT, 4, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_the_audit_log_ends_and_is_pruned),
		BOTH(test_checkpoints_are_part_of_the_check),
	};
	log_level_set(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("server/store: audit", tests, NULL, NULL);
}
