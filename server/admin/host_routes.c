/* SPDX-License-Identifier: Apache-2.0 */
/* The host itself: its keys, its certificates, its request for one. */
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "armour.h"
#include "base64url.h"
#include "day.h"
#include "error.h"
#include "jsontext.h"
#include "license_request.h"
#include "page.h"
#include "status.h"

#define ENDING_SECONDS (60 * 86400)

static json_t *certificate_row(const struct catalog_certificate *c, int64_t now)
{
	const struct certificate *cert = &c->certificate;
	char key[ROOTS_TEXT];
	json_t *row = json_object();
	json_t *products = json_array();
	for (size_t i = 0; i < cert->n_products; i++)
		json_array_append_new(products, json_string(cert->products[i]));
	roots_write(&c->roots, key);
	json_set_text(row, "id", cert->head.jti);
	json_set_text(row, "vendor", c->vendor);
	json_set_text(row, "vendor_key", key);
	json_set_text(row, "org", cert->org);
	json_set_text(row, "license", cert->license);
	json_object_set_new(row, "products", products);
	json_set_time(row, "not_before", cert->nbf);
	json_set_time(row, "expires", cert->exp);
	json_set_text(row, "state",
		      c->former                           ? "former"
		      : now >= cert->exp                  ? "ended"
		      : now >= cert->exp - ENDING_SECONDS ? "ending"
							  : "ok");
	return row;
}

void host_show(struct exchange *x)
{
	const struct broker *b = x->admin->settings.broker;
	const struct catalog *catalog = exchange_need_catalog(x);
	char sign[PASERK_PUBLIC_TEXT];
	char fixed[64];
	char ledger[32];
	if (!catalog)
		return;
	json_t *certificates = json_array();
	for (size_t i = 0; i < catalog->n_certificates; i++)
		json_array_append_new(certificates, certificate_row(&catalog->certificates[i], x->now));
	paserk_public_write(b->key->public, sign);
	base64url_write(b->key->fixed.public, NOISE_KEY, fixed, sizeof(fixed));
	base64url_write(b->ledger, LEDGER_ID, ledger, sizeof(ledger));
	exchange_json(x, MHD_HTTP_OK,
		      json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:o}", "schema", 1, "name",
				x->admin->settings.name, "id", b->key->id, "sign", sign, "static", fixed,
				"ledger", ledger, "certificates", certificates));
}

/* The host whose ledger this was before; NULL: nobody's. */
static const struct certificate *find_former(const struct catalog *catalog)
{
	for (size_t i = 0; i < catalog->n_certificates; i++)
		if (catalog->certificates[i].former)
			return &catalog->certificates[i].certificate;
	return NULL;
}

static int name_former(struct exchange *x, struct host_request *request)
{
	const struct catalog *catalog;
	const char *wish = exchange_query(x, "replace");
	if (!wish || strcmp(wish, "true") != 0)
		return 0;
	int error = exchange_catalog(x, &catalog);
	const struct certificate *former = error ? NULL : find_former(catalog);
	if (former)
		paserk_pid_write(former->sign, request->replaces);
	return error || former ? error : E_NOTHING_TO_REPLACE;
}

void host_request(struct exchange *x)
{
	const struct broker *b = x->admin->settings.broker;
	struct host_request request = {0};
	char *token = NULL;
	char *text = NULL;
	request.head.iat = x->now;
	memcpy(request.head.iss, b->key->id, sizeof(request.head.iss));
	claims_jti(request.head.jti);
	memcpy(request.sign, b->key->public, PASETO_PUBLIC);
	memcpy(request.fixed, b->key->fixed.public, NOISE_KEY);
	memcpy(request.ledger, b->ledger, LEDGER_ID);
	strncpy(request.name, x->admin->settings.name, LIMIT_HOSTNAME);
	int error = name_former(x, &request);
	if (!error)
		error = host_request_sign(&request, b->key->sign, &token);
	if (!error)
		error = armour_write(token_host_request.label, token, &text);
	free(token);
	if (error)
		exchange_problem(x, error, NULL);
	else
		exchange_text(x, "text/plain; charset=utf-8", text);
}

static json_t *installed_row(const struct catalog_certificate *c, bool new_vendor)
{
	json_t *row = certificate_row(c, 0);
	json_set_number(row, "schema", 1);
	json_set_text(row, "kind", "certificate");
	json_object_set_new(row, "new_vendor", json_boolean(new_vendor));
	return row;
}

static void reply_installed(struct exchange *x, const struct job *job)
{
	const struct catalog *catalog;
	int error = exchange_catalog(x, &catalog);
	for (size_t i = 0; !error && i < catalog->n_certificates; i++) {
		if (strcmp(catalog->certificates[i].certificate.license, job->installed) == 0) {
			exchange_json(x, MHD_HTTP_CREATED,
				      installed_row(&catalog->certificates[i], job->new_vendor));
			return;
		}
	}
	exchange_problem(x, error ? error : E_INTERNAL, NULL);
}

/* --- retiring --- */

static void event(struct exchange *x, enum host_event what)
{
	struct job *job = job_new(JOB_HOST, 0);
	if (!job) {
		exchange_problem(x, E_NO_MEMORY, NULL);
		return;
	}
	job->event = what;
	if (exchange_call(x, job) == 0) {
		json_t *answer = json_pack("{s:i, s:b}", "schema", 1, "retired", what == HOST_RETIRED);
		json_set_time(answer, "since", job->event_time);
		exchange_json(x, MHD_HTTP_OK, answer);
	}
	job_free(job);
}

void host_retire(struct exchange *x)
{
	event(x, HOST_RETIRED);
}

void host_return(struct exchange *x)
{
	event(x, HOST_RETURNED);
}

/* --- the clock --- */

void host_clock(struct exchange *x)
{
	struct job *job = job_new(JOB_HOST, 0);
	if (!job) {
		exchange_problem(x, E_NO_MEMORY, NULL);
		return;
	}
	job->event = HOST_CLOCK_ACCEPTED;
	if (exchange_call(x, job) == 0) {
		json_t *answer = json_pack("{s:i}", "schema", 1);
		json_set_time(answer, "accepted", job->event_time);
		exchange_json(x, MHD_HTTP_OK, answer);
	}
	job_free(job);
}

/* --- files --- */

/* The body as a NUL-ended text in a job of this kind; NULL after a problem was replied. */
static struct job *body_job(struct exchange *x, enum job_kind kind)
{
	struct job *job = job_new(kind, 0);
	if (job)
		job->text = strndup((const char *)x->body.bytes, x->body.used);
	if (job && job->text && x->body.used)
		return job;
	job_free(job);
	exchange_problem(x, x->body.used ? E_NO_MEMORY : E_BAD_REQUEST,
			 x->body.used ? NULL : "the body is empty");
	return NULL;
}

void host_install(struct exchange *x)
{
	const char *key = exchange_query(x, "vendor_key");
	struct job *job = body_job(x, JOB_INSTALL_CERTIFICATE);
	if (!job)
		return;
	if (key && roots_read(key, strlen(key), &job->roots))
		exchange_problem(x, E_KEY_INVALID, "vendor_key");
	else if (exchange_call(x, job) == 0)
		reply_installed(x, job);
	job_free(job);
}

/* --- licenses --- */

static const char *license_state(const struct catalog_license *l, int64_t now)
{
	return catalog_term_state(l->license.nbf, l->license.exp,
				  l->license.exp + (int64_t)l->license.grace_days * DAY_SECONDS, now);
}

static json_t *license_row(const struct catalog_license *l, int64_t now)
{
	json_t *row = json_object();
	json_set_text(row, "id", l->license.id);
	json_set_text(row, "vendor", l->vendor);
	json_set_text(row, "org", l->license.org);
	json_set_text(row, "org_name", l->license.org_name);
	json_set_number(row, "serial", l->license.serial);
	json_set_text(row, "state", license_state(l, now));
	json_set_time(row, "not_before", l->license.nbf);
	json_set_time(row, "expires", l->license.exp);
	json_set_time(row, "installed", l->installed);
	return row;
}

static json_t *grant_detail(const struct license *license, const struct grant *grant)
{
	json_t *row = json_object();
	json_t *plans = json_array();
	for (size_t i = 0; i < grant->n_plans; i++)
		json_array_append_new(plans, json_string(grant->plans[i]));
	json_set_text(row, "id", grant->id);
	json_set_text(row, "product", grant->product);
	json_set_text(row, "model", model_name(grant->model));
	json_object_set_new(row, "quantity", grant->quantity ? json_integer(grant->quantity) : json_null());
	json_set_number(row, "threshold", grant->policy.threshold);
	json_set_time(row, "expires", grant_end(license, grant));
	json_object_set_new(row, "plans", plans);
	return row;
}

static json_t *license_detail(const struct catalog_license *l, int64_t now)
{
	json_t *row = license_row(l, now);
	json_t *grants = json_array();
	json_t *products = json_array();
	for (size_t i = 0; i < l->license.n_grants; i++)
		json_array_append_new(grants, grant_detail(&l->license, &l->license.grants[i]));
	for (size_t i = 0; i < l->license.n_products; i++)
		json_array_append_new(products, product_write(&l->license.products[i]));
	json_set_number(row, "schema", 1);
	json_set_text(row, "kind", "license");
	json_set_number(row, "hosts_max", l->license.hosts_max);
	json_object_set_new(row, "grants", grants);
	json_object_set_new(row, "products", products);
	return row;
}

void license_list(struct exchange *x)
{
	const struct catalog *catalog = exchange_need_catalog(x);
	if (!catalog)
		return;
	json_t *items = json_array();
	for (size_t i = 0; i < catalog->n_licenses; i++) {
		json_t *row = license_row(&catalog->licenses[i], x->now);
		json_set_number(row, "grants", (int64_t)catalog->licenses[i].license.n_grants);
		json_array_append_new(items, row);
	}
	page_reply_whole(x, items);
}

/* The license of this id, or the only one whose id begins so. *ret_n: how many do. */
static const struct catalog_license *find_license(const struct catalog *catalog, const char *id,
						  size_t *ret_n)
{
	const struct catalog_license *found = NULL;
	*ret_n = 0;
	for (size_t i = 0; i < catalog->n_licenses; i++) {
		const struct catalog_license *l = &catalog->licenses[i];
		if (strcmp(l->license.id, id) == 0) {
			*ret_n = 1;
			return l;
		}
		if (*id && strncmp(l->license.id, id, strlen(id)) == 0) {
			found = l;
			++*ret_n;
		}
	}
	return found;
}

/* Reply with one license by its id, or the beginning of it. */
static void reply_license(struct exchange *x, const char *id, int status)
{
	const struct catalog *catalog = exchange_need_catalog(x);
	size_t n;
	if (!catalog)
		return;
	const struct catalog_license *found = find_license(catalog, id, &n);
	if (n == 1)
		exchange_json(x, status, license_detail(found, x->now));
	else
		exchange_problem(x, n ? E_BAD_REQUEST : E_NOT_FOUND,
				 n ? "more than one license id begins so" : id);
}

void license_show(struct exchange *x)
{
	reply_license(x, x->id, MHD_HTTP_OK);
}

/* Whoever waits for what the license brings is served at once, not with the next minute's sweep. */
static void sweep_now(struct exchange *x)
{
	struct job *job = job_new(JOB_SWEEP, 0);
	if (job)
		lane_call(x->admin->settings.lane, job);
	job_free(job);
}

void license_install(struct exchange *x)
{
	struct job *job = body_job(x, JOB_INSTALL_LICENSE);
	if (!job)
		return;
	if (exchange_call(x, job) == 0) {
		sweep_now(x);
		reply_license(x, job->installed, MHD_HTTP_CREATED);
	}
	job_free(job);
}

static void revocations_install(struct exchange *x)
{
	struct job *job = body_job(x, JOB_INSTALL_REVOCATIONS);
	const struct catalog *catalog;
	if (!job)
		return;
	if (exchange_call(x, job) == 0 && exchange_catalog(x, &catalog) == 0) {
		json_t *lists = json_array();
		for (size_t i = 0; i < catalog->n_revocations; i++) {
			const struct revocations *r = &catalog->revocations[i].list;
			json_array_append_new(lists, json_pack("{s:s, s:I, s:I, s:I, s:I}", "vendor",
							       catalog->revocations[i].vendor, "number",
							       (json_int_t)r->number, "licenses",
							       (json_int_t)r->n_licenses, "hosts",
							       (json_int_t)r->n_hosts, "keys",
							       (json_int_t)r->n_keys));
		}
		exchange_json(
			x, MHD_HTTP_CREATED,
			json_pack("{s:i, s:s, s:o}", "schema", 1, "kind", "revocations", "lists", lists));
	}
	job_free(job);
}

/* The armour's label tells the kind; a bare token tells its typ, which the installation then verifies. */
static const struct token_kind *kind_of_body(const struct exchange *x)
{
	char label[64];
	const char *text = (const char *)x->body.bytes;
	json_t *claims = NULL;
	if (!x->body.used || armour_label(text, x->body.used, label, sizeof(label)))
		return NULL;
	if (label[0])
		return token_kind_by_label(label);
	if (token_peek(text, x->body.used, &claims))
		return NULL;
	const char *typ = json_string_value(json_object_get(claims, "typ"));
	const struct token_kind *kind = typ ? token_kind_by_typ(typ) : NULL;
	json_decref(claims);
	return kind;
}

void any_install(struct exchange *x)
{
	const struct token_kind *kind = kind_of_body(x);
	if (kind == &token_license)
		license_install(x);
	else if (kind == &token_certificate)
		host_install(x);
	else if (kind == &token_revocations)
		revocations_install(x);
	else
		exchange_problem(x, kind ? E_WRONG_TYPE : E_ARMOUR_INVALID,
				 "a license, a host certificate or a revocation list");
}

/* --- asking for more --- */

/* One wish, with what the license has and what is used by the same count that decides. */
static int add_want(const struct overview *o, const struct catalog_license *l, json_t *wish,
		    struct license_request *r)
{
	const char *grant = json_string_value(json_object_get(wish, "grant"));
	json_int_t quantity = json_integer_value(json_object_get(wish, "quantity"));
	for (size_t i = 0; grant && i < o->n_grants; i++) {
		const struct grant_now *g = &o->grants[i];
		if (g->grant.license != l || strcmp(g->grant.grant->id, grant) != 0)
			continue;
		if (quantity <= g->terms.quantity || !g->terms.quantity || r->n_wants == LIMIT_GRANTS)
			return E_BAD_REQUEST;
		struct license_want *want = &r->wants[r->n_wants++];
		*want = (struct license_want){.quantity = quantity,
					      .has = g->terms.quantity,
					      .used = model_seats(g->grant.grant->model) ? g->seats
											 : g->active};
		memcpy(want->grant, g->grant.grant->id, sizeof(want->grant));
		return 0;
	}
	return E_NOT_FOUND;
}

static int fill_request(struct exchange *x, const struct overview *o, json_t *body, struct license_request *r)
{
	const struct broker *b = x->admin->settings.broker;
	const char *id = json_string_value(json_object_get(body, "license"));
	const char *reason = json_string_value(json_object_get(body, "reason"));
	json_t *wants = json_object_get(body, "wants");
	const struct catalog_license *l = NULL;
	size_t i;
	json_t *wish;
	for (i = 0; id && i < o->catalog->n_licenses; i++)
		if (strcmp(o->catalog->licenses[i].license.id, id) == 0)
			l = &o->catalog->licenses[i];
	if (!l)
		return E_NOT_FOUND;
	r->head.iat = x->now;
	memcpy(r->head.iss, b->key->id, sizeof(r->head.iss));
	claims_jti(r->head.jti);
	memcpy(r->license, l->license.id, sizeof(r->license));
	memcpy(r->org, l->license.org, sizeof(r->org));
	memcpy(r->vendor, l->vendor, sizeof(r->vendor));
	r->serial = l->license.serial;
	if (reason)
		strncpy(r->reason, reason, LIMIT_NAME);
	int error = json_array_size(wants) ? 0 : E_BAD_REQUEST;
	json_array_foreach (wants, i, wish)
		error = error ? error : add_want(o, l, wish, r);
	return error;
}

void license_request(struct exchange *x)
{
	struct license_request *r = calloc(1, sizeof(*r));
	json_t *body = NULL;
	int loaded = jsontext_read(x->body.bytes, x->body.used, &body, NULL);
	struct overview *o = NULL;
	char *token = NULL;
	char *text = NULL;
	int error = !r || loaded == E_NO_MEMORY ? E_NO_MEMORY : body ? 0 : E_BAD_REQUEST;
	if (!error)
		error = overview_gather(x, &o);
	if (!error)
		error = fill_request(x, o, body, r);
	if (!error)
		error = license_request_sign(r, x->admin->settings.broker->key->sign, &token);
	if (!error)
		error = armour_write(token_license_request.label, token, &text);
	if (error)
		exchange_problem(x, error, "license, and wants[] of grant and a quantity above what it has");
	else
		exchange_text(x, "text/plain; charset=utf-8", text);
	free(token);
	free(o);
	free(r);
	json_decref(body);
}
