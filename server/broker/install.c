/* SPDX-License-Identifier: Apache-2.0 */
/* Licenses and certificates that an administrator installs: verified against what is pinned, then stored. */
#include <stdlib.h>
#include <string.h>

#include "armour.h"
#include "broker.h"
#include "error.h"
#include "store.h"

/* A refusal of the job itself: the batch goes on. */
static int refuse(struct job *job, int code, const struct claims *fault)
{
	job->code = code;
	if (code == E_CLAIM_INVALID && fault)
		memcpy(job->fault, fault->where, sizeof(job->fault));
	return 0;
}

/* --- certificates --- */

static int judge_certificate(const struct broker *b, const struct job *job, const struct certificate *cert,
			     int64_t now)
{
	if (job->vendor_strict && memcmp(cert->vendor, job->vendor_key, PASETO_PUBLIC) != 0)
		return E_WRONG_VENDOR;
	if (memcmp(cert->sign, b->key->public, PASETO_PUBLIC) != 0 ||
	    memcmp(cert->fixed, b->key->fixed.public, NOISE_KEY) != 0)
		return E_WRONG_HOST;
	if (memcmp(cert->ledger, b->ledger, LEDGER_ID) != 0)
		return E_LEDGER_MISMATCH;
	return now >= cert->exp ? E_CERTIFICATE_EXPIRED : 0;
}

static int store_certificate(struct broker *b, struct job *job, const struct certificate *cert,
			     const char *token, int64_t now)
{
	char pid[PASERK_ID_TEXT];
	char key[PASERK_PUBLIC_TEXT];
	paserk_pid_write(cert->vendor, pid);
	paserk_public_write(cert->vendor, key);
	job->new_vendor = catalog_vendor(&b->catalog, pid) == NULL;
	memcpy(job->installed, cert->license, sizeof(job->installed));
	struct effect effect = {
		.kind = EFFECT_CERTIFICATE, .at = now, .u.signed_file = {pid, key, cert->license, 0, token}};
	int error = store_apply(b->store, &effect);
	if (!error)
		error = broker_audit(b, now, job->actor, "host.certified", cert->license,
				     json_pack("{s:s, s:s, s:b, s:s}", "vendor", pid, "org", cert->org,
					       "new_vendor", job->new_vendor, "jti", cert->head.jti));
	b->catalog_stale = true;
	return error;
}

static int install_certificate(struct broker *b, struct job *job, int64_t now)
{
	struct certificate cert;
	struct claims fault = {0};
	uint8_t vendor[PASETO_PUBLIC];
	char *token;
	int error = armour_read(token_certificate.label, job->text, strlen(job->text), &token);
	if (error)
		return refuse(job, error, NULL);
	error = certificate_vendor(token, strlen(token), vendor);
	if (!error)
		error = certificate_open(token, strlen(token), vendor, &cert, &fault);
	if (!error)
		error = judge_certificate(b, job, &cert, now);
	int result = error ? refuse(job, error, &fault) : store_certificate(b, job, &cert, token, now);
	free(token);
	return result;
}

/* --- licenses --- */

static int judge_license(const struct broker *b, const struct license *license, const char *vendor,
			 int64_t now)
{
	const struct catalog_certificate *cert = catalog_certificate(&b->catalog, vendor, license->id);
	const struct catalog_license *old = catalog_license(&b->catalog, vendor, license->id);
	if (!cert)
		return E_NOT_CERTIFIED;
	if (strcmp(cert->certificate.org, license->org) != 0)
		return E_WRONG_ORG;
	if (old && license->serial <= old->license.serial)
		return E_LICENSE_SERIAL_OLD;
	return now >= license->exp ? E_LICENSE_ENDED : 0;
}

/* The number that a grant has in the ledger, or the next free one. */
static int64_t number_of(const struct broker *b, const char *vendor, const struct license *license,
			 const char *grant, int64_t *next)
{
	const struct catalog_license *old = catalog_license(&b->catalog, vendor, license->id);
	for (size_t i = 0; old && i < old->license.n_grants; i++)
		if (strcmp(old->license.grants[i].id, grant) == 0 && old->numbers[i])
			return old->numbers[i];
	return (*next)++;
}

static int store_grants(struct broker *b, const struct license *license, const char *vendor)
{
	int64_t next = b->catalog.next_number;
	int error = 0;
	for (size_t i = 0; i < license->n_grants && !error; i++) {
		const struct grant *g = &license->grants[i];
		struct effect effect = {
			.kind = EFFECT_GRANT,
			.grant = number_of(b, vendor, license, g->id, &next),
			.u.grant_row = {vendor, license->id, g->id, g->product,
					(int32_t)g->policy.window_days},
		};
		error = store_apply(b->store, &effect);
	}
	return error;
}

static int store_license(struct broker *b, struct job *job, const struct license *license, const char *vendor,
			 const char *token, int64_t now)
{
	struct effect effect = {.kind = EFFECT_LICENSE,
				.at = now,
				.u.signed_file = {vendor, NULL, license->id, license->serial, token}};
	int error = store_apply(b->store, &effect);
	if (!error)
		error = store_grants(b, license, vendor);
	if (!error)
		error = broker_audit(b, now, job->actor, "license.installed", license->id,
				     json_pack("{s:s, s:s, s:I, s:I}", "vendor", vendor, "org", license->org,
					       "serial", (json_int_t)license->serial, "grants",
					       (json_int_t)license->n_grants));
	memcpy(job->installed, license->id, sizeof(job->installed));
	b->catalog_stale = true;
	return error;
}

static int install_license(struct broker *b, struct job *job, int64_t now)
{
	struct license license = {0};
	struct claims fault = {0};
	char vendor[PASERK_ID_TEXT];
	const uint8_t *key = NULL;
	char *token;
	int error = armour_read(token_license.label, job->text, strlen(job->text), &token);
	if (error)
		return refuse(job, error, NULL);
	error = paseto_footer(token, strlen(token), vendor, sizeof(vendor));
	if (!error && !(key = catalog_vendor(&b->catalog, vendor)))
		error = E_VENDOR_NOT_PINNED;
	if (!error)
		error = license_open(token, strlen(token), key, &license, &fault);
	if (!error)
		error = judge_license(b, &license, vendor, now);
	int result = error ? refuse(job, error, &fault) : store_license(b, job, &license, vendor, token, now);
	license_fini(&license);
	free(token);
	return result;
}

/* Two installations in one batch would number their grants alike, so the second waits for the catalog to be
 * loaded. */
int install_run(struct broker *b, struct job *job, int64_t now)
{
	if (b->catalog_stale)
		return E_INTERNAL; /* the batch is undone and its jobs run singly */
	return job->kind == JOB_INSTALL_LICENSE ? install_license(b, job, now)
						: install_certificate(b, job, now);
}
