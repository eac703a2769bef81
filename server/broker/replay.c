/* SPDX-License-Identifier: Apache-2.0 */
#include "replay.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "store.h"

#define NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG crypto_aead_xchacha20poly1305_ietf_ABYTES
#define A_SWEEP 250

/* --- names and keys --- */

static void derive(const uint8_t *secret, size_t n, const char *use, const char *actor, const char *key,
		   uint8_t out[REPLAY_HASH])
{
	crypto_generichash_state hash;
	crypto_generichash_init(&hash, secret, n, REPLAY_HASH);
	crypto_generichash_update(&hash, (const uint8_t *)use, strlen(use) + 1);
	crypto_generichash_update(&hash, (const uint8_t *)actor, strlen(actor) + 1);
	crypto_generichash_update(&hash, (const uint8_t *)key, strlen(key));
	crypto_generichash_final(&hash, out, REPLAY_HASH);
}

void replay_init(struct replay *r, const uint8_t *secret, size_t n, const char *actor, const char *key)
{
	*r = (struct replay){0};
	derive(secret, n, "muster replay name", actor, key, r->name);
	derive(secret, n, "muster replay seal", actor, key, r->seal);
}

void replay_fini(struct replay *r)
{
	if (r->text)
		sodium_memzero(r->text, strlen(r->text));
	free(r->text);
	sodium_memzero(r, sizeof(*r));
}

/* --- looking --- */

struct search {
	struct replay *r;
	int64_t now;
	int64_t num; /* of the record, old or not */
};

static int open_answer(struct replay *r, struct bytes sealed)
{
	const uint8_t *at = sealed.at;
	if (sealed.n < NONCE + TAG)
		return E_STORE_CORRUPT;
	r->text = malloc(sealed.n);
	if (!r->text)
		return E_NO_MEMORY;
	unsigned long long n = 0;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt((uint8_t *)r->text, &n, NULL, at + NONCE,
						       sealed.n - NONCE, r->request, REPLAY_HASH, at,
						       r->seal))
		return E_STORE_CORRUPT;
	r->text[n] = 0;
	r->found = true;
	return 0;
}

static int take(const struct row *row, void *context)
{
	struct search *s = context;
	const struct record_replay *kept = &row->u.record.u.replay;
	s->num = row->u.record.num;
	if (kept->at <= s->now - REPLAY_SECONDS)
		return 0;
	if (kept->request.n != REPLAY_HASH || memcmp(kept->request.at, s->r->request, REPLAY_HASH) != 0)
		return E_IDEMPOTENCY_MISMATCH;
	return open_answer(s->r, kept->answer);
}

static int look(struct store *store, struct search *s)
{
	struct record like = {.kind = RECORD_REPLAY, .u.replay.name = {s->r->name, REPLAY_HASH}};
	struct listing l = {.kind = LIST_RECORD, .like = &like, .by = BY(replay, name), .limit = 1};
	free(s->r->text);
	s->r->text = NULL;
	s->r->found = false;
	return store_page(store, &l, take, s);
}

int replay_find(struct store *store, struct replay *r, int64_t now)
{
	struct search s = {.r = r, .now = now};
	return look(store, &s);
}

void replay_restore(const struct replay *r, struct job *job)
{
	char *rest = r->text;
	job->new_vendor = strtol(rest, &rest, 10) != 0;
	job->event_time = strtoll(rest, &rest, 10);
	snprintf(job->installed, sizeof(job->installed), "%s", *rest ? rest + 1 : "");
}

/* --- keeping --- */

static char *write_answer(const struct job *job)
{
	char *text = NULL;
	if (job->kind == JOB_CHANGE)
		return job->replay->write(job);
	int n = asprintf(&text, "%d %lld %s", job->new_vendor, (long long)job->event_time, job->installed);
	return n < 0 ? NULL : text;
}

static int count_one(const struct row *row, void *context)
{
	struct broker *b = context;
	b->replays++;
	b->replay_bytes += (int64_t)row->u.record.u.replay.answer.n;
	return 0;
}

/* How many there are, and how large; known from the first one on until something is undone. */
static int count_all(struct broker *b)
{
	struct record any = {.kind = RECORD_REPLAY};
	struct listing all = {.kind = LIST_RECORD, .like = &any};
	if (b->replays_counted)
		return 0;
	b->replays = b->replay_bytes = 0;
	int error = store_page(b->store, &all, count_one, b);
	b->replays_counted = !error;
	return error;
}

/* As the last record, so that the oldest stand first. */
static int put_sealed(struct broker *b, struct job *job, int64_t now, size_t n)
{
	struct replay *r = job->replay;
	size_t room = NONCE + n + TAG;
	uint8_t *sealed = malloc(room);
	if (!sealed)
		return E_NO_MEMORY;
	randombytes_buf(sealed, NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + NONCE, NULL, (const uint8_t *)r->text, n,
						   r->request, REPLAY_HASH, NULL, sealed, r->seal);
	struct record record = {.kind = RECORD_REPLAY,
				.u.replay = {.name = {r->name, REPLAY_HASH},
					     .request = {r->request, REPLAY_HASH},
					     .at = now,
					     .answer = {sealed, room}}};
	int error = store_put(b->store, &record);
	free(sealed);
	b->replays++;
	b->replay_bytes += (int64_t)room;
	return error;
}

int replay_keep(struct broker *b, struct job *job, int64_t now)
{
	struct search s = {.r = job->replay, .now = now};
	int error = look(b->store, &s);
	if (!error && s.num) { /* one of a day before */
		error = store_drop(b->store, RECORD_REPLAY, s.num);
		b->replays_counted = false;
	}
	if (!error)
		error = count_all(b);
	if (error)
		return error;
	job->replay->text = write_answer(job);
	if (!job->replay->text)
		return E_NO_MEMORY;
	size_t n = strlen(job->replay->text);
	if (n > REPLAY_ANSWER_MAX)
		job->code = E_TOO_LARGE;
	else if (b->replays >= REPLAYS_MAX || b->replay_bytes + (int64_t)n > REPLAY_BYTES_MAX)
		job->code = E_BUSY;
	else
		return put_sealed(b, job, now, n);
	snprintf(job->fault, sizeof(job->fault), "%s",
		 job->code == E_BUSY
			 ? "too many answers are remembered: take no Idempotency-Key, or wait"
			 : "the answer is too long to be remembered: send fewer changes at a time");
	return 0;
}

/* --- forgetting --- */

struct old {
	int64_t before;
	int64_t all[A_SWEEP];
	size_t n;
};

static int take_old(const struct row *row, void *context)
{
	struct old *old = context;
	if (row->u.record.u.replay.at > old->before)
		return 1;
	old->all[old->n++] = row->u.record.num;
	return 0;
}

int replay_sweep(struct broker *b, int64_t now)
{
	struct old old = {.before = now - REPLAY_SECONDS};
	struct record any = {.kind = RECORD_REPLAY};
	struct listing first = {.kind = LIST_RECORD, .like = &any, .limit = A_SWEEP};
	int error = store_page(b->store, &first, take_old, &old);
	for (size_t i = 0; i < old.n && error >= 0; i++)
		error = store_drop(b->store, RECORD_REPLAY, old.all[i]);
	if (old.n)
		b->replays_counted = false;
	return error < 0 ? error : 0;
}
