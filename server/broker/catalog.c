/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog.h"

#include <stdlib.h>
#include <string.h>

#include "day.h"
#include "error.h"
#include "log.h"
#include "seat.h"
#include "store.h"

/* --- loading --- */

static int add_certificate(const struct row *row, void *context)
{
	struct catalog *c = context;
	struct catalog_certificate *all = realloc(c->certificates, (c->n_certificates + 1) * sizeof(*all));
	if (!all)
		return E_NO_MEMORY;
	c->certificates = all;
	struct catalog_certificate *cert = &all[c->n_certificates];
	memset(cert, 0, sizeof(*cert));
	const char *key = row->u.signed_file.vendor_key;
	const char *token = row->u.signed_file.token;
	int error = roots_read(key, strlen(key), &cert->roots);
	if (!error)
		error = certificate_open(token, strlen(token), &cert->roots, &cert->certificate, NULL);
	if (error == E_NO_MEMORY)
		return error; /* it is as good as it was */
	if (error) {
		log_event(EVENT_CERTIFICATE_DAMAGED, LOG_TEXT(VENDOR, row->u.signed_file.vendor),
			  LOG_CODE(error));
		c->damaged++;
		return 0;
	}
	paserk_pid_write(cert->roots.keys[0], cert->vendor);
	cert->installed = row->u.signed_file.installed;
	cert->former = memcmp(cert->certificate.sign, c->host, PASETO_PUBLIC) != 0;
	cert->token = strdup(token);
	if (!cert->token)
		return E_NO_MEMORY;
	c->n_certificates++;
	return 0;
}

static int add_license(const struct row *row, void *context)
{
	struct catalog *c = context;
	const char *token = row->u.signed_file.token;
	const struct roots *vendor = catalog_vendor(c, row->u.signed_file.vendor);
	struct catalog_license *all = realloc(c->licenses, (c->n_licenses + 1) * sizeof(*all));
	if (!all)
		return E_NO_MEMORY;
	c->licenses = all;
	struct catalog_license *l = &all[c->n_licenses];
	memset(l, 0, sizeof(*l));
	int error =
		vendor ? license_open(token, strlen(token), vendor, &l->license, NULL) : E_VENDOR_NOT_PINNED;
	if (error) {
		license_fini(&l->license);
		if (error == E_NO_MEMORY)
			return error;
		log_event(EVENT_LICENSE_DAMAGED, LOG_TEXT(LICENSE, row->u.signed_file.license),
			  LOG_CODE(error));
		c->damaged++;
		return 0;
	}
	paserk_pid_write(vendor->keys[0], l->vendor);
	l->installed = row->u.signed_file.installed;
	l->numbers = calloc(l->license.n_grants + 1, sizeof(*l->numbers));
	c->n_licenses++;
	return l->numbers ? 0 : E_NO_MEMORY;
}

static int add_number(const struct row *row, void *context)
{
	struct catalog *c = context;
	if (row->u.grant.num >= c->next_number)
		c->next_number = row->u.grant.num + 1;
	for (size_t i = 0; i < c->n_licenses; i++) {
		struct catalog_license *l = &c->licenses[i];
		if (strcmp(l->vendor, row->u.grant.vendor) != 0 ||
		    strcmp(l->license.id, row->u.grant.license) != 0)
			continue;
		for (size_t j = 0; j < l->license.n_grants; j++)
			if (strcmp(l->license.grants[j].id, row->u.grant.id) == 0)
				l->numbers[j] = row->u.grant.num;
	}
	return 0;
}

static int add_revocations(const struct row *row, void *context)
{
	struct catalog *c = context;
	const struct record_revocation *r = &row->u.record.u.revocation;
	const struct roots *vendor = catalog_vendor(c, r->vendor);
	struct catalog_revocations *all = realloc(c->revocations, (c->n_revocations + 1) * sizeof(*all));
	if (!all)
		return E_NO_MEMORY;
	c->revocations = all;
	struct catalog_revocations *one = &all[c->n_revocations];
	memset(one, 0, sizeof(*one));
	int error = vendor ? revocations_open(r->token, strlen(r->token), vendor, &one->list, NULL)
			   : E_VENDOR_NOT_PINNED;
	if (error) {
		revocations_fini(&one->list);
		if (error == E_NO_MEMORY)
			return error;
		log_event(EVENT_REVOCATIONS_DAMAGED, LOG_TEXT(VENDOR, r->vendor), LOG_CODE(error));
		c->damaged++;
		return 0;
	}
	paserk_pid_write(vendor->keys[0], one->vendor);
	one->installed = r->installed;
	one->token = strdup(r->token);
	c->n_revocations++;
	return one->token ? 0 : E_NO_MEMORY;
}

/* Of several certificates of a vendor each pins what was known when it came: all is known now. */
static int join_roots(struct catalog *c)
{
	for (size_t i = 0; i < c->n_certificates; i++)
		for (size_t j = 0; j < c->n_certificates; j++)
			if (strcmp(c->certificates[i].vendor, c->certificates[j].vendor) == 0 &&
			    !roots_join(&c->certificates[i].roots, &c->certificates[j].roots))
				return E_TOO_LARGE;
	return 0;
}

int catalog_load(struct store *store, const uint8_t host[PASETO_PUBLIC], struct catalog *ret)
{
	struct catalog c = {.next_number = 1, .host = host};
	struct listing certificates = {.kind = LIST_CERTIFICATE};
	struct listing licenses = {.kind = LIST_LICENSE};
	struct listing grants = {.kind = LIST_GRANT};
	struct record any = {.kind = RECORD_REVOCATION};
	struct listing revocations = {.kind = LIST_RECORD, .like = &any};
	*ret = (struct catalog){0};
	int error = store_page(store, &certificates, add_certificate, &c);
	if (!error)
		error = join_roots(&c);
	if (!error)
		error = store_page(store, &licenses, add_license, &c);
	if (!error)
		error = store_page(store, &grants, add_number, &c);
	if (!error)
		error = store_page(store, &revocations, add_revocations, &c);
	if (error) {
		catalog_free(&c);
		return error;
	}
	for (size_t i = 0; i < c.n_licenses; i++)
		c.licenses[i].certificate =
			catalog_certificate(&c, c.licenses[i].vendor, c.licenses[i].license.id);
	c.host = NULL;
	*ret = c;
	return 0;
}

void catalog_free(struct catalog *c)
{
	for (size_t i = 0; i < c->n_licenses; i++) {
		license_fini(&c->licenses[i].license);
		free(c->licenses[i].numbers);
	}
	for (size_t i = 0; i < c->n_certificates; i++)
		free(c->certificates[i].token);
	for (size_t i = 0; i < c->n_revocations; i++) {
		revocations_fini(&c->revocations[i].list);
		free(c->revocations[i].token);
	}
	free(c->revocations);
	free(c->licenses);
	free(c->certificates);
	*c = (struct catalog){0};
}

/* --- looking up --- */

const struct roots *catalog_vendor(const struct catalog *c, const char *vendor)
{
	for (size_t i = 0; i < c->n_certificates; i++)
		if (strcmp(c->certificates[i].vendor, vendor) == 0)
			return &c->certificates[i].roots;
	return NULL;
}

const struct catalog_license *catalog_license(const struct catalog *c, const char *vendor, const char *id)
{
	for (size_t i = 0; i < c->n_licenses; i++)
		if (strcmp(c->licenses[i].vendor, vendor) == 0 && strcmp(c->licenses[i].license.id, id) == 0)
			return &c->licenses[i];
	return NULL;
}

const struct catalog_certificate *catalog_certificate(const struct catalog *c, const char *vendor,
						      const char *license)
{
	for (size_t i = 0; i < c->n_certificates; i++)
		if (!c->certificates[i].former && strcmp(c->certificates[i].vendor, vendor) == 0 &&
		    strcmp(c->certificates[i].certificate.license, license) == 0)
			return &c->certificates[i];
	return NULL;
}

const struct product *catalog_product(const struct catalog *c, const char *id)
{
	for (size_t i = 0; i < c->n_licenses; i++)
		for (size_t j = 0; j < c->licenses[i].license.n_products; j++)
			if (strcmp(c->licenses[i].license.products[j].id, id) == 0)
				return &c->licenses[i].license.products[j];
	return NULL;
}

bool catalog_grant(const struct catalog *c, int64_t number, struct catalog_grant *ret)
{
	for (size_t i = 0; i < c->n_licenses; i++) {
		const struct catalog_license *l = &c->licenses[i];
		for (size_t j = 0; j < l->license.n_grants; j++) {
			if (number == 0 || l->numbers[j] != number)
				continue;
			ret->license = l;
			ret->grant = &l->license.grants[j];
			ret->product = license_product(&l->license, ret->grant->product);
			return true;
		}
	}
	return false;
}

bool catalog_grant_named(const struct catalog *c, const char *license, const char *id,
			 struct catalog_grant *ret)
{
	size_t found = 0;
	for (size_t i = 0; i < c->n_licenses; i++) {
		const struct catalog_license *l = &c->licenses[i];
		const struct grant *grant = license_grant(&l->license, id);
		if (!grant || !l->numbers[grant - l->license.grants] ||
		    (license && strcmp(license, l->license.id) != 0))
			continue;
		*ret = (struct catalog_grant){l, grant, license_product(&l->license, grant->product)};
		found++;
	}
	return found == 1;
}

int64_t catalog_number(const struct catalog_grant *g)
{
	return g->license->numbers[g->grant - g->license->license.grants];
}

const struct revocations *catalog_revocations(const struct catalog *c, const char *vendor)
{
	for (size_t i = 0; i < c->n_revocations; i++)
		if (strcmp(c->revocations[i].vendor, vendor) == 0)
			return &c->revocations[i].list;
	return NULL;
}

/* --- the life of a grant --- */

static const char *stage_name(enum grant_stage stage)
{
	static const char *const names[] = {"pending", "active", "expired", "disabled", "deleted"};
	return names[stage];
}

/* Where each stage ends; a term without grace goes from active straight to disabled. */
static enum grant_stage stage_at(int64_t nbf, int64_t end, int64_t grace_end, int64_t now,
				 int64_t *ret_next_at)
{
	const int64_t ends[] = {nbf, end, grace_end, grace_end + (int64_t)SEAT_DISABLED_DAYS * DAY_SECONDS};
	for (int i = 0; i < 4; i++) {
		*ret_next_at = ends[i];
		if (now < ends[i])
			return (enum grant_stage)i;
	}
	*ret_next_at = 0;
	return STAGE_DELETED;
}

const char *catalog_term_state(int64_t nbf, int64_t end, int64_t grace_end, int64_t now)
{
	int64_t ignored;
	return stage_name(stage_at(nbf, end, grace_end, now, &ignored));
}

bool catalog_license_revoked(const struct catalog *c, const struct catalog_license *l)
{
	const struct revocations *list = catalog_revocations(c, l->vendor);
	return list &&
	       (revocations_license(list, l->license.id) || revocations_signer(list, &l->license.chain));
}

bool catalog_certificate_revoked(const struct catalog *c, const struct catalog_certificate *cert,
				 const char *host)
{
	const struct revocations *list = catalog_revocations(c, cert->vendor);
	return list && revocations_certificate(list, host, &cert->certificate.chain);
}

/* When this host learned that the license is revoked; 0: it is not. */
static int64_t revoked_at(const struct catalog *c, const struct catalog_license *l)
{
	for (size_t i = 0; i < c->n_revocations; i++)
		if (strcmp(c->revocations[i].vendor, l->vendor) == 0 && catalog_license_revoked(c, l))
			return c->revocations[i].installed;
	return 0;
}

struct grant_terms catalog_terms(const struct catalog *c, const struct catalog_grant *g,
				 const struct grant_marks *m, int64_t now)
{
	const struct license *license = &g->license->license;
	int64_t own = grant_end(license, g->grant);
	struct grant_terms t = {.end = m->extended > own ? m->extended : own};
	bool ours = !g->grant->self_service_owner[0] || m->taken_over;
	int64_t revoked = revoked_at(c, g->license);
	t.grace_end = t.end + (int64_t)license->grace_days * DAY_SECONDS;
	t.quantity = g->grant->quantity ? g->grant->quantity + m->extra : 0;
	/* Cancelled or revoked: disabled at once, without a grace. */
	if (m->cancelled && m->cancelled < t.end)
		t.end = t.grace_end = m->cancelled;
	if (revoked && revoked < t.end)
		t.end = t.grace_end = revoked;
	t.stage = stage_at(g->grant->nbf, t.end, t.grace_end, now, &t.next_at);
	t.state = stage_name(t.stage);
	t.next = t.stage == STAGE_DELETED                          ? NULL
		 : t.stage == STAGE_ACTIVE && t.end == t.grace_end ? stage_name(STAGE_DISABLED)
								   : stage_name(t.stage + 1);
	t.open = ours && !revoked && t.stage < STAGE_DISABLED;
	t.keeps = ours && t.stage < STAGE_DELETED;
	return t;
}

bool catalog_plans(const struct product *product, const char *names, uint32_t *ret)
{
	bool known = true;
	*ret = 0;
	while (names && *names) {
		char id[LIMIT_ID + 1] = "";
		size_t n = strcspn(names, ",");
		if (n <= LIMIT_ID)
			memcpy(id, names, n);
		int index = product_plan(product, id);
		if (index < 0)
			known = false;
		else
			*ret |= 1u << index;
		names += n + (names[n] == ',');
	}
	return known;
}

/* --- candidates --- */

static void want_plans(const struct product *product, const struct wish *wish, struct candidate *c)
{
	for (size_t i = 0; i < wish->n_plans; i++) {
		int index = product_plan(product, wish->plans[i]);
		if (index < 0)
			c->plan_unknown = true;
		else
			c->plans_wanted |= 1u << index;
	}
}

/* The place for one more candidate: a free one, or that of the one which ends first, if it ends before this
 * one. */
static struct candidate *find_place(struct line_facts *line, int64_t end)
{
	struct candidate *first = &line->candidates[0];
	if (line->n_candidates < CANDIDATES_MAX)
		return &line->candidates[line->n_candidates++];
	for (size_t i = 1; i < line->n_candidates; i++)
		if (line->candidates[i].end < first->end)
			first = &line->candidates[i];
	return first->end < end ? first : NULL;
}

/* Is the key that was shown one of the grant's, and not blocked? */
static enum key_shown judge_key(const struct grant *grant, const char *key, const struct revocations *revoked)
{
	uint8_t hash[KEYCODE_HASH];
	if (!key || !*key)
		return KEY_NOT_SHOWN;
	keycode_hash(key, grant->key_salt, KEYCODE_SALT, hash);
	for (size_t i = 0; i < grant->n_pool_keys; i++)
		if (memcmp(grant->pool_keys[i], hash, KEYCODE_HASH) == 0)
			return revoked && revocations_key(revoked, hash) ? KEY_WRONG : KEY_RIGHT;
	return KEY_WRONG;
}

static void add_candidate(const struct catalog *catalog, const struct catalog_license *l, size_t index,
			  const struct wish *wish, bool must, struct line_facts *line)
{
	const struct revocations *revoked = catalog_revocations(catalog, l->vendor);
	const struct grant *grant = &l->license.grants[index];
	const struct product *product = license_product(&l->license, grant->product);
	if (!l->certificate || !l->numbers[index] ||
	    !certificate_covers(&l->certificate->certificate, grant->product))
		return;
	struct candidate *c = find_place(line, must ? INT64_MAX : grant_end(&l->license, grant));
	if (!c)
		return;
	*c = (struct candidate){
		.grant = l->numbers[index],
		.id = grant->id,
		.model = grant->model,
		.policy = grant->policy,
		.nbf = grant->nbf,
		.end = grant_end(&l->license, grant),
		.grace_end = grant_end(&l->license, grant) + (int64_t)l->license.grace_days * DAY_SECONDS,
		.quantity = grant->quantity,
		.plans = grant_plans(&l->license, grant),
		.lease_days_max = l->certificate->certificate.lease_days_max,
		.certified_until = l->certificate->certificate.exp,
		.covers_version = product_covers(product, wish->version),
		.product = product,
		.self_service = grant->self_service_owner[0] != 0,
		.revoked = catalog_license_revoked(catalog, l),
		.host_revoked =
			wish->host && catalog_certificate_revoked(catalog, l->certificate, wish->host),
		.key = judge_key(grant, wish->key, revoked),
	};
	want_plans(product, wish, c);
	line->seats |= model_seats(grant->model);
}

void catalog_candidates(const struct catalog *c, const struct wish *wish, struct line_facts *ret)
{
	ret->n_candidates = 0;
	ret->seats = false;
	ret->product = wish->product;
	for (size_t i = 0; i < c->n_licenses; i++) {
		const struct catalog_license *l = &c->licenses[i];
		for (size_t j = 0; j < l->license.n_grants; j++)
			if (strcmp(l->license.grants[j].product, wish->product) == 0)
				add_candidate(c, l, j, wish, false, ret);
	}
}

void catalog_candidate_add(const struct catalog *c, const struct wish *wish, int64_t number,
			   struct line_facts *line)
{
	struct catalog_grant g;
	for (size_t i = 0; i < line->n_candidates; i++)
		if (line->candidates[i].grant == number)
			return;
	if (number && catalog_grant(c, number, &g))
		add_candidate(c, g.license, (size_t)(g.grant - g.license->license.grants), wish, true, line);
}
