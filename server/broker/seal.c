/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checkpoints of the audit log: the host signs which row was the last one, and what its hash was. They are
 * signed only over rows that are durable: those that were there before a batch began. They go into the
 * database with that batch and, once they are durable, into the log, which others may keep.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "broker.h"
#include "checkpoint.h"
#include "error.h"
#include "log.h"
#include "store.h"

#define SEAL_ROWS 1000    /* a checkpoint after so many new rows */
#define SEAL_SECONDS 3600 /* or after so long, when there are any */

static int take_last(const struct row *row, void *context)
{
	struct seal *s = context;
	s->seq = row->u.record.u.checkpoint.seq;
	return 0;
}

static int put_signer(struct broker *b)
{
	char key[sizeof(SIGNER_KEY) + PASERK_ID_TEXT];
	snprintf(key, sizeof(key), SIGNER_KEY "%s", b->key->id);
	struct effect e = {.kind = EFFECT_META, .u.meta = {key, b->key->public, PASETO_PUBLIC}};
	return store_apply(b->store, &e);
}

static int take_end(const struct row *row, void *context)
{
	struct checkpoint *p = context;
	p->seq = row->u.audit.seq;
	memcpy(p->hash, row->u.audit.hash, AUDIT_HASH);
	return 0;
}

static bool is_due(const struct seal *s, int64_t now)
{
	if (!s->on)
		return false;
	return s->soon || s->rows >= SEAL_ROWS ||
	       (s->rows && (now >= s->at + SEAL_SECONDS || now < s->at)); /* or the clock was set back */
}

/* Sign for the row, put it into the database, and keep what to tell of it. Whoever checks the log must know
 * the key by then. */
static int put_checkpoint(struct broker *b, const struct checkpoint *p)
{
	struct seal *s = &b->seal;
	int error = s->known ? 0 : put_signer(b);
	if (!error)
		error = checkpoint_sign(p, b->key->sign, &s->token);
	struct record row = {.kind = RECORD_CHECKPOINT,
			     .u.checkpoint = {.seq = p->seq, .at = p->head.iat, .token = s->token}};
	if (!error)
		error = store_put(b->store, &row);
	s->pending = p->seq;
	base64url_write(p->hash, AUDIT_HASH, s->hash, sizeof(s->hash));
	return error;
}

int seal_make(struct broker *b, int64_t now)
{
	struct checkpoint p = {.head.iat = now, .previous = b->seal.seq};
	struct listing end = {.kind = LIST_AUDIT_END};
	if (!is_due(&b->seal, now))
		return 0;
	int error = store_page(b->store, &end, take_end, &p);
	b->seal.making = true;
	if (error || p.seq <= b->seal.seq)
		return error < 0 ? error : 0; /* nothing is new */
	memcpy(p.head.iss, b->key->id, sizeof(p.head.iss));
	memcpy(p.sign, b->key->public, PASETO_PUBLIC);
	memcpy(p.ledger, b->ledger, LEDGER_ID);
	claims_jti(p.head.jti);
	return put_checkpoint(b, &p);
}

void seal_end(struct broker *b, int64_t now, bool durable)
{
	struct seal *s = &b->seal;
	if (durable && s->token) {
		log_event(EVENT_AUDIT_CHECKPOINT, LOG_NUMBER(AUDIT, s->pending), LOG_TEXT(HASH, s->hash),
			  LOG_TEXT(CHECKPOINT, s->token));
		s->seq = s->pending;
		s->known = true;
	}
	if (durable && s->making) {
		s->at = now;
		s->soon = false;
		s->rows = s->new_rows; /* of this batch: they are not covered yet */
	} else {
		s->rows += durable ? s->new_rows : 0;
	}
	s->new_rows = 0;
	s->making = false;
	free(s->token);
	s->token = NULL;
}

/* One transaction of the broker's own, outside the lane: a row, or the checkpoint that is due. */
static int run_alone(struct broker *b, int64_t now, const char *action, const char *version)
{
	int error = store_begin(b->store);
	if (error)
		return error;
	if (action)
		error = broker_audit(b, now, "host", action, b->key->id,
				     json_pack("{s:s}", "version", version));
	if (!error && action)
		error = broker_note_time(b, now);
	if (!error && !action)
		error = seal_make(b, now);
	if (!error)
		error = store_commit(b->store);
	else
		store_rollback(b->store);
	seal_end(b, now, !error);
	return error;
}

static void tell(struct broker *b, int64_t now, const char *action, const char *version)
{
	b->seal.soon = true;
	int error = run_alone(b, now, action, version);
	if (!error)
		error = run_alone(b, now, NULL, version);
	if (error)
		log_event(EVENT_AUDIT_UNSIGNED, LOG_TEXT(OBJECT, action), LOG_CODE(error));
	if (error == E_STORE_UNKNOWN || error == E_STORE_CORRUPT)
		atomic_store(&b->fatal, error);
}

void broker_started(struct broker *b, int64_t now, const char *version)
{
	struct record any = {.kind = RECORD_CHECKPOINT};
	struct listing all = {.kind = LIST_RECORD, .like = &any};
	int error = store_page(b->store, &all, take_last, &b->seal);
	if (error < 0)
		log_event(EVENT_AUDIT_UNSIGNED, LOG_TEXT(OBJECT, "checkpoint"), LOG_CODE(error));
	b->seal.on = error >= 0;
	tell(b, now, "host.started", version);
}

void broker_stopped(struct broker *b, int64_t now, const char *version)
{
	if (b->seal.on)
		tell(b, now, "host.stopped", version);
}
