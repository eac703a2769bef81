/* SPDX-License-Identifier: Apache-2.0 */
/* The input as the claims of a checkpoint that its host signed, shown to the check of an audit log. What can
 * be read can be signed, and reads the same again. */
#include "audit_check.h"
#include "fuzz.h"

static void same(const struct checkpoint *a, const struct checkpoint *b)
{
	fuzz_require(a->seq == b->seq && a->previous == b->previous && a->head.iat == b->head.iat);
	fuzz_require(memcmp(a->hash, b->hash, AUDIT_HASH) == 0);
	fuzz_require(memcmp(a->ledger, b->ledger, LEDGER_ID) == 0);
	fuzz_require(memcmp(a->sign, b->sign, PASETO_PUBLIC) == 0);
}

/* Behind one row of its own number: never believed, unless it is about that row. */
static void judge(const char *token, const struct checkpoint *p)
{
	const struct audit row = {.at = 1, .actor = "host", .action = "x", .object = "", .detail = "{}"};
	const uint8_t none[AUDIT_HASH] = {0};
	uint8_t hash[AUDIT_HASH];
	struct audit_check c = {.strangers = true};
	audit_hash(none, 1, &row, hash);
	fuzz_require(audit_check_row(&c, 1, &row, hash));
	bool believed = audit_check_point(&c, p->seq, p->head.iat, token);
	fuzz_require(believed == (p->seq == 1 && p->previous == 0 && memcmp(p->hash, hash, AUDIT_HASH) == 0));
	fuzz_require(audit_check_end(&c) == believed);
	fuzz_use_text(c.what);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t public[PASETO_PUBLIC];
	uint8_t secret[PASETO_SECRET];
	struct checkpoint p;
	struct checkpoint again;
	struct claims fault;
	char *copy = NULL;
	fuzz_keys('h', public, secret);
	char *token = fuzz_sign(data, n, "muster.checkpoint", secret);
	if (!token)
		return 0;
	if (checkpoint_open(token, strlen(token), &p, &fault) == 0) {
		fuzz_accepted(checkpoint_open);
		fuzz_require(p.seq > 0 && p.previous >= 0 && p.previous < p.seq);
		judge(token, &p);
		fuzz_require(checkpoint_sign(&p, secret, &copy) == 0);
		fuzz_require(checkpoint_open(copy, strlen(copy), &again, NULL) == 0);
		same(&p, &again);
		free(copy);
	} else {
		fuzz_use_text(fault.where);
	}
	free(token);
	return 0;
}
