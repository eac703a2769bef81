/* SPDX-License-Identifier: Apache-2.0 */
/* Leases are made here and nowhere else, from what the batch has committed. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "broker.h"
#include "error.h"
#include "log.h"
#include "offline_answer.h"

/* The same lease has the same id, so that signing it again gives the same bytes. */
static void make_jti(const struct broker *b, const struct lease *lease, char out[CLAIMS_JTI])
{
	crypto_generichash_state state;
	uint8_t hash[16];
	crypto_generichash_init(&state, b->ledger, LEDGER_ID, sizeof(hash));
	crypto_generichash_update(&state, lease->device, DEVICE_ID);
	crypto_generichash_update(&state, (const uint8_t *)&lease->serial, sizeof(lease->serial));
	crypto_generichash_update(&state, (const uint8_t *)lease->grant, strlen(lease->grant) + 1);
	crypto_generichash_update(&state, (const uint8_t *)lease->license, strlen(lease->license) + 1);
	if (lease->user[0])
		crypto_generichash_update(&state, (const uint8_t *)lease->user, strlen(lease->user) + 1);
	crypto_generichash_final(&state, hash, sizeof(hash));
	base64url_write(hash, sizeof(hash), out, CLAIMS_JTI);
}

static void fill_plans(const struct product *product, uint32_t mask, struct lease *lease)
{
	for (size_t i = 0; i < product->n_plans; i++)
		if (mask & 1u << i)
			memcpy(lease->plans[lease->n_plans++], product->plans[i].id, LIMIT_ID + 1);
}

static void fill(const struct broker *b, const struct job *job, const struct answer_line *a, const char *user,
		 const struct catalog_grant *g, struct lease *lease)
{
	*lease = (struct lease){
		.model = g->grant->model,
		.exp = a->expires,
		.renew_after = a->renew_after,
		.have = a->have,
		.need = a->need,
		.serial = a->serial,
		.on_expiry = g->grant->policy.on_expiry,
	};
	lease->head.iat = a->issued;
	memcpy(lease->head.iss, b->key->id, sizeof(lease->head.iss));
	memcpy(lease->vendor, g->license->vendor, sizeof(lease->vendor));
	memcpy(lease->product, g->grant->product, sizeof(lease->product));
	memcpy(lease->device, job->device, DEVICE_ID);
	if (model_of_users(g->grant->model))
		memcpy(lease->user, user, sizeof(lease->user));
	memcpy(lease->grant, g->grant->id, sizeof(lease->grant));
	memcpy(lease->license, g->license->license.id, sizeof(lease->license));
	memcpy(lease->org, g->license->license.org, sizeof(lease->org));
	fill_plans(g->product, a->plans, lease);
	make_jti(b, lease, lease->head.jti);
}

static int sign_line(struct broker *b, struct job *job, struct job_line *line)
{
	struct catalog_grant g;
	struct lease lease;
	if (!catalog_grant(&b->catalog, line->answer.grant, &g) || !g.license->certificate)
		return E_PRODUCT_UNKNOWN;
	/* First, because a lease counts as given, and never goes without it. */
	line->certificate = strdup(g.license->certificate->token);
	if (!line->certificate)
		return E_NO_MEMORY;
	fill(b, job, &line->answer, line->user, &g, &lease);
	return lease_sign(&lease, b->key->sign, &line->lease);
}

/* --- requests by file --- */

static void make_answer_jti(const struct broker *b, const struct offline_answer *a, char out[CLAIMS_JTI])
{
	uint8_t hash[16];
	crypto_generichash_state state;
	crypto_generichash_init(&state, b->ledger, LEDGER_ID, sizeof(hash));
	crypto_generichash_update(&state, (const uint8_t *)a->request, strlen(a->request) + 1);
	crypto_generichash_update(&state, (const uint8_t *)a->lease, strlen(a->lease) + 1);
	crypto_generichash_update(&state, (const uint8_t *)a->certificate, strlen(a->certificate) + 1);
	crypto_generichash_final(&state, hash, sizeof(hash));
	base64url_write(hash, sizeof(hash), out, CLAIMS_JTI);
}

/* Lease and certificate of a request by file under one signature. */
static int sign_answer(struct broker *b, struct job *part)
{
	const struct job_line *line = &part->lines[0];
	struct catalog_grant g;
	struct offline_answer *a = calloc(1, sizeof(*a));
	if (!a || !catalog_grant(&b->catalog, line->answer.grant, &g)) {
		free(a);
		return a ? E_PRODUCT_UNKNOWN : E_NO_MEMORY;
	}
	memcpy(a->head.iss, b->key->id, sizeof(a->head.iss));
	a->head.iat = line->answer.issued;
	memcpy(a->device, part->device, DEVICE_ID);
	memcpy(a->vendor, g.license->vendor, sizeof(a->vendor));
	memcpy(a->product, line->product, sizeof(a->product));
	base64url_write(part->shown.token, REQUEST_TOKEN, a->request, sizeof(a->request));
	strncpy(a->lease, line->lease, LIMIT_LEASE);
	strncpy(a->certificate, line->certificate, LIMIT_CERTIFICATE);
	make_answer_jti(b, a, a->head.jti);
	int error = offline_answer_sign(a, b->key->sign, &part->answer);
	free(a);
	return error;
}

/* The confirmation of a request by telephone. */
static int confirm(struct broker *b, struct job *part)
{
	struct spoken_words words;
	uint8_t license[VOICE_LICENSE];
	uint8_t key[VOICE_KEY];
	uint8_t cid[VOICE_CID];
	struct catalog_grant g;
	if (!catalog_grant(&b->catalog, part->lines[0].answer.grant, &g))
		return E_PRODUCT_UNKNOWN;
	if (part->voice.words) {
		words_sign(b->key->sign, part->voice.iid, &part->voice.grant, &words);
		words_write(&words, part->voice.text);
		return 0;
	}
	voice_license(g.license->vendor, g.license->license.id, license);
	voice_key(b->voice.key, license, part->voice.grant.index, key);
	voice_confirm(key, part->voice.iid, &part->voice.grant, cid);
	digits_write(cid, VOICE_CID, VOICE_CID_GROUPS, part->voice.text);
	sodium_memzero(key, sizeof(key));
	return 0;
}

static void sign_file(struct broker *b, struct job *job)
{
	for (size_t i = 0; i < job->n_parts && job->code == 0; i++) {
		struct job_line *line = &job->parts[i]->lines[0];
		if (job->parts[i]->by_voice) {
			if (!line->answer.code)
				line->answer.code = confirm(b, job->parts[i]);
			continue;
		}
		signer_sign(b, job->parts[i]);
		if (!line->answer.code)
			line->answer.code = sign_answer(b, job->parts[i]);
	}
}

void signer_sign(struct broker *b, struct job *job)
{
	if (job->kind == JOB_OFFLINE)
		sign_file(b, job);
	if ((job->kind != JOB_ACTIVATE && job->kind != JOB_RENEW && job->kind != JOB_SIGN_IN) || job->dry_run)
		return;
	for (size_t i = 0; i < job->n_lines && job->code == 0; i++) {
		struct job_line *line = &job->lines[i];
		if (line->answer.code)
			continue;
		int error = sign_line(b, job, line);
		if (error) {
			/* The activation stands; the client's repeat is answered with the lease. */
			log_event(EVENT_LEASE_UNSIGNED, LOG_CODE(error), LOG_TEXT(REQUEST, job->correlation),
				  LOG_TEXT(PRODUCT, line->product));
			line->answer.code = error;
		}
	}
}
