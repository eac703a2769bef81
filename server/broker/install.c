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

/* A file that a pinned vendor may have signed. */
struct incoming {
	char *token; /* freed by the caller, also after an error */
	char vendor[PASERK_ID_TEXT];
	const struct roots *roots;         /* not yet verified with */
	const struct revocations *revoked; /* the vendor's list, or NULL */
};

/* The vendor that has a root of this k4.pid, or NULL. */
static const struct catalog_certificate *vendor_of_root(const struct catalog *c, const char *root)
{
	for (size_t i = 0; i < c->n_certificates; i++) {
		const struct roots *roots = &c->certificates[i].roots;
		for (size_t j = 0; j < roots->n; j++) {
			char pid[PASERK_ID_TEXT];
			paserk_pid_write(roots->keys[j], pid);
			if (strcmp(pid, root) == 0)
				return &c->certificates[i];
		}
	}
	return NULL;
}

/* Whose file it seems to be: by its footer, which is there also when the claims are damaged; or, signed by an
 * issuing key, by its claims. */
static int find_vendor(const struct broker *b, const char *token, char ret[PASERK_ID_TEXT])
{
	char root[PASERK_ID_TEXT];
	int error = paseto_footer(token, strlen(token), root, sizeof(root));
	const struct catalog_certificate *vendor = error ? NULL : vendor_of_root(&b->catalog, root);
	if (!vendor)
		return error == E_MALFORMED ? error : token_peek_issuer(token, strlen(token), ret);
	memcpy(ret, vendor->vendor, PASERK_ID_TEXT);
	return 0;
}

static int read_incoming(const struct broker *b, const struct job *job, const char *label,
			 struct incoming *ret)
{
	*ret = (struct incoming){0};
	int error = armour_read(label, job->text, strlen(job->text), &ret->token);
	if (!error)
		error = find_vendor(b, ret->token, ret->vendor);
	if (!error && !(ret->roots = catalog_vendor(&b->catalog, ret->vendor)))
		error = E_VENDOR_NOT_PINNED;
	ret->revoked = catalog_revocations(&b->catalog, ret->vendor);
	return error;
}

static int judge_signer(const struct revocations *revoked, const struct chain *chain)
{
	return revoked && revocations_signer(revoked, chain) ? E_SIGNER_REVOKED : 0;
}

/* --- certificates --- */

static int judge_certificate(const struct broker *b, const struct certificate *cert, int64_t now)
{
	const struct revocations *revoked = catalog_revocations(&b->catalog, cert->head.iss);
	if (judge_signer(revoked, &cert->chain))
		return E_SIGNER_REVOKED;
	if (memcmp(cert->sign, b->key->public, PASETO_PUBLIC) != 0 ||
	    memcmp(cert->fixed, b->key->fixed.public, NOISE_KEY) != 0)
		return E_WRONG_HOST;
	if (memcmp(cert->ledger, b->ledger, LEDGER_ID) != 0)
		return E_LEDGER_MISMATCH;
	return now >= cert->exp ? E_CERTIFICATE_EXPIRED : 0;
}

static int store_certificate(struct broker *b, struct job *job, const struct certificate *cert,
			     const struct roots *pinned, const char *token, int64_t now)
{
	char pid[PASERK_ID_TEXT];
	char key[ROOTS_TEXT];
	paserk_pid_write(cert->vendor, pid);
	roots_write(pinned, key);
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

/*
 * By which keys a certificate is judged: those that are pinned, and those that the administrator gave; for a
 * vendor that is new here the one that it names, of which the fingerprint is shown. It is never judged by the
 * other roots that it names itself.
 */
static int find_roots(const struct broker *b, const struct job *job, const char *token, struct roots *ret)
{
	uint8_t vendor[PASETO_PUBLIC];
	char pid[PASERK_ID_TEXT];
	int error = certificate_vendor(token, strlen(token), vendor);
	if (error)
		return error;
	paserk_pid_write(vendor, pid);
	const struct roots *pinned = catalog_vendor(&b->catalog, pid);
	*ret = pinned ? *pinned : roots_of(vendor);
	if (job->roots.n && memcmp(job->roots.keys[0], vendor, PASETO_PUBLIC) != 0)
		return E_WRONG_VENDOR;
	return roots_join(ret, &job->roots) ? 0 : E_TOO_LARGE;
}

static int install_certificate(struct broker *b, struct job *job, int64_t now)
{
	struct certificate cert;
	struct claims fault = {0};
	struct roots roots;
	char *token;
	int error = armour_read(token_certificate.label, job->text, strlen(job->text), &token);
	if (error)
		return refuse(job, error, NULL);
	error = find_roots(b, job, token, &roots);
	if (!error)
		error = certificate_open(token, strlen(token), &roots, &cert, &fault);
	if (!error)
		error = judge_certificate(b, &cert, now);
	if (!error && !roots_join(&roots, &cert.roots))
		error = E_TOO_LARGE;
	int result =
		error ? refuse(job, error, &fault) : store_certificate(b, job, &cert, &roots, token, now);
	free(token);
	return result;
}

/* --- licenses --- */

/* What is stored of plans is their places in the product. */
static bool plans_keep_places(const struct license *old, const struct license *fresh)
{
	for (size_t i = 0; i < old->n_products; i++) {
		const struct product *was = &old->products[i];
		const struct product *is = license_product(fresh, was->id);
		for (size_t j = 0; is && j < was->n_plans; j++)
			if (j >= is->n_plans || strcmp(was->plans[j].id, is->plans[j].id) != 0)
				return false;
	}
	return true;
}

static int judge_license(const struct broker *b, const struct license *license, const char *vendor,
			 int64_t now)
{
	const struct catalog_certificate *cert = catalog_certificate(&b->catalog, vendor, license->id);
	const struct catalog_license *old = catalog_license(&b->catalog, vendor, license->id);
	const struct revocations *revoked = catalog_revocations(&b->catalog, vendor);
	if (!cert)
		return E_NOT_CERTIFIED;
	if (strcmp(cert->certificate.org, license->org) != 0)
		return E_WRONG_ORG;
	if (old && license->serial <= old->license.serial)
		return E_LICENSE_SERIAL_OLD;
	if (revoked && revocations_license(revoked, license->id))
		return E_LICENSE_REVOKED;
	if (old && !plans_keep_places(&old->license, license))
		return E_PLANS_REORDERED;
	return now >= license->exp ? E_LICENSE_ENDED : 0;
}

/* One that was taken out may come again, but not an older serial of it. *ret_code says so. */
static int judge_removed(struct broker *b, const struct license *license, const char *vendor, int *ret_code)
{
	char meta[META_REMOVED_TEXT];
	int64_t serial;
	license_removed_meta(vendor, license->id, meta);
	int error = broker_noted(b, meta, &serial);
	*ret_code = license->serial < serial ? E_LICENSE_SERIAL_OLD : 0;
	return error;
}

struct grant_search {
	const char *vendor;
	const char *license;
	const char *grant;
	int64_t num;
};

static int find_number(const struct row *row, void *context)
{
	struct grant_search *s = context;
	if (strcmp(row->u.grant.vendor, s->vendor) != 0 || strcmp(row->u.grant.license, s->license) != 0 ||
	    strcmp(row->u.grant.id, s->grant) != 0)
		return 0;
	s->num = row->u.grant.num;
	return 1;
}

/* The number that a grant has in the ledger, also of one that the license before left out; or the next free
 * one. */
static int number_of(struct broker *b, const char *vendor, const struct license *license, const char *grant,
		     int64_t *next, int64_t *ret)
{
	const struct catalog_license *old = catalog_license(&b->catalog, vendor, license->id);
	struct grant_search s = {vendor, license->id, grant, 0};
	struct listing all = {.kind = LIST_GRANT};
	for (size_t i = 0; old && i < old->license.n_grants; i++)
		if (strcmp(old->license.grants[i].id, grant) == 0)
			s.num = old->numbers[i];
	int error = s.num ? 0 : store_page(b->store, &all, find_number, &s);
	if (error < 0)
		return error;
	*ret = s.num ? s.num : (*next)++;
	return 0;
}

struct renewal {
	const struct grant *grant;
	struct grant_marks marks;
};

/* What a redeemed key gave holds while the vendor's license lists the key; later ones have it in their own
 * numbers. */
static int take_redeemed(const struct row *row, void *context)
{
	struct renewal *r = context;
	const struct record_redeemed *k = &row->u.record.u.redeemed;
	for (size_t i = 0; i < r->grant->n_redemptions; i++) {
		if (k->hash.n != KEYCODE_HASH ||
		    memcmp(r->grant->redemptions[i].hash, k->hash.at, k->hash.n) != 0)
			continue;
		r->marks.extra += k->quantity;
		r->marks.extended = k->extended > r->marks.extended ? k->extended : r->marks.extended;
	}
	return 0;
}

/* A newer license reactivates what was cancelled, and may have fewer places than are taken. */
static int renew_marks(struct broker *b, const struct license *license, const struct grant *grant,
		       int64_t num, int64_t now)
{
	struct renewal r = {.grant = grant};
	struct record like = {.kind = RECORD_REDEEMED, .u.redeemed.entitlement = num};
	struct row row;
	struct listing keys = {.kind = LIST_RECORD, .like = &like, .by = BY(redeemed, entitlement)};
	int error = store_grant(b->store, num, now, &row);
	if (error)
		return error;
	const struct grant_marks before = r.marks = row.u.grant.marks;
	int64_t used = model_seats(grant->model) ? row.u.grant.seats : row.u.grant.active;
	r.marks.extra = r.marks.extended = 0;
	error = store_page(b->store, &keys, take_redeemed, &r);
	if (grant_end(license, grant) > now)
		r.marks.cancelled = 0;
	int64_t quantity = grant->quantity ? grant->quantity + r.marks.extra : 0;
	if (!quantity || used <= quantity)
		r.marks.over_since = 0;
	else if (!r.marks.over_since)
		r.marks.over_since = now;
	return error ? error : broker_marks(b, now, num, grant->id, &before, &r.marks, 0, 0);
}

static int store_grants(struct broker *b, const struct license *license, const char *vendor, int64_t now)
{
	int64_t next = b->catalog.next_number;
	int error = 0;
	for (size_t i = 0; i < license->n_grants && !error; i++) {
		const struct grant *g = &license->grants[i];
		int64_t num;
		error = number_of(b, vendor, license, g->id, &next, &num);
		if (error)
			return error;
		struct effect effect = {
			.kind = EFFECT_GRANT,
			.grant = num,
			.u.grant_row = {vendor, license->id, g->id, g->product,
					(int32_t)g->policy.window_days},
		};
		error = store_apply(b->store, &effect);
		if (!error)
			error = renew_marks(b, license, g, num, now);
	}
	return error;
}

static int store_license(struct broker *b, struct job *job, const struct license *license, const char *vendor,
			 const char *token, int64_t now)
{
	struct effect effect = {.kind = EFFECT_LICENSE,
				.at = now,
				.u.signed_file = {vendor, NULL, license->id, license->serial, token}};
	const struct catalog_license *before = catalog_license(&b->catalog, vendor, license->id);
	int error = store_apply(b->store, &effect);
	if (!error)
		error = store_grants(b, license, vendor, now);
	if (!error)
		error = broker_audit(b, now, job->actor, "license.installed", license->id,
				     json_pack("{s:s, s:s, s:I, s:I, s:I}", "vendor", vendor, "org",
					       license->org, "serial", (json_int_t)license->serial, "before",
					       (json_int_t)(before ? before->license.serial : 0), "grants",
					       (json_int_t)license->n_grants));
	memcpy(job->installed, license->id, sizeof(job->installed));
	b->catalog_stale = true;
	return error;
}

static int install_license(struct broker *b, struct job *job, int64_t now)
{
	struct license license = {0};
	struct claims fault = {0};
	struct incoming in;
	int error = read_incoming(b, job, token_license.label, &in);
	if (!error)
		error = license_open(in.token, strlen(in.token), in.roots, &license, &fault);
	if (!error)
		error = judge_signer(in.revoked, &license.chain);
	if (!error)
		error = judge_license(b, &license, in.vendor, now);
	int result = error ? 0 : judge_removed(b, &license, in.vendor, &error);
	if (!result)
		result = error ? refuse(job, error, &fault)
			       : store_license(b, job, &license, in.vendor, in.token, now);
	license_fini(&license);
	free(in.token);
	return result;
}

/* --- revocation lists --- */

static int store_revocations(struct broker *b, struct job *job, const struct revocations *list,
			     const char *vendor, const char *token, int64_t now)
{
	struct record r = {
		.kind = RECORD_REVOCATION,
		.u.revocation = {.vendor = vendor, .number = list->number, .token = token, .installed = now}};
	const struct revocations *before = catalog_revocations(&b->catalog, vendor);
	int error = store_find_num(b->store, &r, BY(revocation, vendor), &r.num);
	if (!error)
		error = store_put(b->store, &r);
	if (!error)
		error = broker_audit(b, now, job->actor, "revocations.installed", vendor,
				     json_pack("{s:I, s:I, s:I, s:I, s:I}", "number",
					       (json_int_t)list->number, "before",
					       (json_int_t)(before ? before->number : 0), "licenses",
					       (json_int_t)list->n_licenses, "hosts",
					       (json_int_t)list->n_hosts, "keys", (json_int_t)list->n_keys));
	b->catalog_stale = true;
	return error;
}

static int install_revocations(struct broker *b, struct job *job, int64_t now)
{
	struct revocations list = {0};
	struct claims fault = {0};
	struct incoming in;
	int error = read_incoming(b, job, token_revocations.label, &in);
	if (!error)
		error = revocations_open(in.token, strlen(in.token), in.roots, &list, &fault);
	if (!error)
		error = judge_signer(in.revoked, &list.chain);
	if (!error && in.revoked && list.number <= in.revoked->number)
		error = E_REVOCATIONS_OLD;
	int result = error ? refuse(job, error, &fault)
			   : store_revocations(b, job, &list, in.vendor, in.token, now);
	revocations_fini(&list);
	free(in.token);
	return result;
}

/* Two installations in one batch would number their grants alike, so the second waits for the catalog to be
 * loaded. */
int install_run(struct broker *b, struct job *job, int64_t now)
{
	if (b->catalog_stale)
		return E_INTERNAL; /* the batch is undone and its jobs run singly */
	switch (job->kind) {
	case JOB_INSTALL_LICENSE:
		return install_license(b, job, now);
	case JOB_INSTALL_CERTIFICATE:
		return install_certificate(b, job, now);
	default:
		return install_revocations(b, job, now);
	}
}
