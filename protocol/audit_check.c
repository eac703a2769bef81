/* SPDX-License-Identifier: Apache-2.0 */
#include "audit_check.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "error.h"

static bool fault(struct audit_check *c, int code, int64_t bad, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static bool fault(struct audit_check *c, int code, int64_t bad, const char *format, ...)
{
	va_list args;
	c->code = code;
	c->bad = bad;
	va_start(args, format);
	vsnprintf(c->what, sizeof(c->what), format, args);
	va_end(args);
	return false;
}

/* Nothing is wrong with the log, as far as it was looked at. */
static bool out_of_memory(struct audit_check *c, int64_t seq)
{
	return fault(c, E_NO_MEMORY, seq, "memory ran out at row %" PRId64, seq);
}

/* --- rows --- */

/* The row with which a pruning is on record: it names the last one that went. */
static bool look_for_pruning(struct audit_check *c, int64_t seq, const struct audit *row)
{
	json_t *detail = NULL;
	if (!c->pruned || strcmp(row->action, AUDIT_PRUNED) != 0 || strcmp(row->actor, "host") != 0)
		return true;
	if (claims_load(row->detail, strlen(row->detail), &detail) == E_NO_MEMORY)
		return out_of_memory(c, seq);
	c->pruning_stands |= json_integer_value(json_object_get(detail, "through")) == c->pruned;
	json_decref(detail);
	return true;
}

static bool follows(struct audit_check *c, int64_t seq, const struct audit *row,
		    const uint8_t hash[AUDIT_HASH])
{
	uint8_t wanted[AUDIT_HASH];
	if (seq != c->last + 1)
		return fault(c, E_AUDIT_BROKEN, c->last + 1, "row %" PRId64 " is missing", c->last + 1);
	audit_hash(c->hash, seq, row, wanted);
	if (memcmp(wanted, hash, AUDIT_HASH) != 0)
		return fault(c, E_AUDIT_BROKEN, seq, "row %" PRId64 " was altered", seq);
	return true;
}

bool audit_check_row(struct audit_check *c, int64_t seq, const struct audit *row,
		     const uint8_t hash[AUDIT_HASH])
{
	if (c->code)
		return false;
	if (!c->first) {
		c->first = seq;
		c->begun |= seq == 1;
	}
	/* What is left of rows that are being pruned follows nothing at first; each other row follows one. */
	bool leads = !c->begun && c->rows == 0;
	if (!leads && !follows(c, seq, row, hash))
		return false;
	if (!look_for_pruning(c, seq, row))
		return false;
	memcpy(c->hash, hash, AUDIT_HASH);
	c->last = seq;
	c->rows++;
	return true;
}

/* --- checkpoints --- */

void audit_check_signer(struct audit_check *c, const uint8_t sign[PASETO_PUBLIC])
{
	for (size_t i = 0; i < c->n_signers; i++)
		if (memcmp(c->signers[i].sign, sign, PASETO_PUBLIC) == 0)
			return;
	if (c->n_signers < AUDIT_SIGNERS)
		memcpy(c->signers[c->n_signers++].sign, sign, PASETO_PUBLIC);
}

static bool known_signer(struct audit_check *c, const uint8_t sign[PASETO_PUBLIC])
{
	if (c->strangers)
		audit_check_signer(c, sign);
	for (size_t i = 0; i < c->n_signers; i++) {
		if (memcmp(c->signers[i].sign, sign, PASETO_PUBLIC) == 0) {
			c->signers[i].points++;
			return true;
		}
	}
	return false;
}

/* Is the checkpoint itself what it should be? */
static bool genuine(struct audit_check *c, int64_t seq, int64_t at, const struct checkpoint *p)
{
	const uint8_t *ledger = c->ledger ? c->ledger : c->points ? c->seen_ledger : p->ledger;
	if (p->seq != seq || p->head.iat != at)
		return fault(c, E_AUDIT_CHECKPOINT, seq,
			     "the checkpoint at row %" PRId64 " stands in another's place", seq);
	if (memcmp(p->ledger, ledger, LEDGER_ID) != 0)
		return fault(c, E_AUDIT_CHECKPOINT, seq,
			     "the checkpoint at row %" PRId64 " is of another database", seq);
	if (!known_signer(c, p->sign))
		return fault(c, E_AUDIT_CHECKPOINT, seq,
			     "the checkpoint at row %" PRId64 " was signed by a host that never served it",
			     seq);
	if (c->points && p->previous != c->signed_through)
		return fault(c, E_AUDIT_CHECKPOINT, p->previous,
			     "the checkpoint at row %" PRId64 " is missing", p->previous);
	return true;
}

/* Does it say of its row what the log says? */
static bool agrees(struct audit_check *c, const struct checkpoint *p)
{
	if (!c->begun) { /* rows before it were pruned, and it is what the rest hangs on */
		if (c->rows && c->last != p->seq)
			return fault(c, E_AUDIT_BROKEN, c->last + 1, "row %" PRId64 " is missing",
				     c->last + 1);
		if (c->rows && memcmp(c->hash, p->hash, AUDIT_HASH) != 0)
			return fault(c, E_AUDIT_BROKEN, p->seq, "row %" PRId64 " was altered", p->seq);
		c->begun = true;
		c->pruned = c->last = p->seq;
		memcpy(c->hash, p->hash, AUDIT_HASH);
		return true;
	}
	if (!c->points && p->previous)
		return fault(c, E_AUDIT_CHECKPOINT, p->previous,
			     "the checkpoint at row %" PRId64 " is missing", p->previous);
	if (p->seq > c->last)
		return fault(c, E_AUDIT_BROKEN, c->last + 1,
			     "row %" PRId64 " is missing: the log was signed up to row %" PRId64, c->last + 1,
			     p->seq);
	if (p->seq < c->last || memcmp(c->hash, p->hash, AUDIT_HASH) != 0)
		return fault(c, E_AUDIT_BROKEN, p->seq,
			     "row %" PRId64 " is not the one that the checkpoint was signed for", p->seq);
	return true;
}

bool audit_check_point(struct audit_check *c, int64_t seq, int64_t at, const char *token)
{
	struct checkpoint p;
	if (c->code)
		return false;
	int error = checkpoint_open(token, strlen(token), &p, NULL);
	if (error == E_NO_MEMORY)
		return out_of_memory(c, seq);
	if (error)
		return fault(c, E_AUDIT_CHECKPOINT, seq, "the checkpoint at row %" PRId64 " was altered",
			     seq);
	if (!genuine(c, seq, at, &p) || !agrees(c, &p))
		return false;
	memcpy(c->seen_ledger, p.ledger, LEDGER_ID);
	memcpy(c->signer, p.sign, PASETO_PUBLIC);
	c->points++;
	c->signed_through = p.seq;
	c->signed_at = p.head.iat;
	return true;
}

bool audit_check_end(struct audit_check *c)
{
	if (c->code)
		return false;
	if ((!c->begun && c->rows) || (c->pruned && !c->pruning_stands))
		return fault(c, E_AUDIT_BROKEN, 1, "row 1 is missing, and no pruning took it");
	return true;
}
