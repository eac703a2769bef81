/* SPDX-License-Identifier: Apache-2.0 */
/* Why a device is told what it is told about a product: the decision on the facts of now, rule by rule. */
#include "why.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "error.h"
#include "exchange.h"

#define REFUSALS_SHOWN 10

/* One question. */
struct question {
	struct exchange *x;
	const struct catalog *catalog;
	char product[LIMIT_ID + 1];
	char device[DEVICE_ID_TEXT];
	int64_t num;               /* of the device */
	char user[LIMIT_USER + 1]; /* "": nobody */
	json_t *answer;
};

/* --- who asks --- */

static int take_device(const struct row *row, void *context)
{
	struct question *q = context;
	json_set_text(q->answer, "hostname", row->u.device.hostname);
	json_set_time(q->answer, "last_seen", row->u.device.last_seen);
	return 1;
}

struct latest {
	int64_t user;
	int64_t at;
};

static int take_binding(const struct row *row, void *context)
{
	struct latest *l = context;
	if (row->u.record.u.binding.at >= l->at)
		*l = (struct latest){row->u.record.u.binding.user, row->u.record.u.binding.at};
	return 0;
}

/* The user who signed in on the device last, when none is named. */
static int find_user(struct question *q)
{
	struct store *reader = q->x->admin->reader;
	struct latest latest = {0, 0};
	struct record_copy found;
	struct record like = {.kind = RECORD_BINDING, .u.binding.device = q->num};
	struct listing l = {.kind = LIST_RECORD, .like = &like, .by = BY(binding, device)};
	int error = store_page(reader, &l, take_binding, &latest);
	if (error || !latest.user)
		return error;
	error = store_get(reader, RECORD_USER, latest.user, &found);
	if (!error)
		snprintf(q->user, sizeof(q->user), "%s", found.record.u.user.name);
	return error == E_NOT_FOUND ? 0 : error;
}

static void name_products(const struct catalog *catalog, char *out, size_t room)
{
	size_t used = (size_t)snprintf(out, room, "licensed here:");
	for (size_t i = 0; i < catalog->n_licenses; i++)
		for (size_t j = 0; j < catalog->licenses[i].license.n_products && used < room; j++)
			used += (size_t)snprintf(out + used, room - used, " %s",
						 catalog->licenses[i].license.products[j].id);
}

/* The only product that is licensed here; NULL: there are none, or several. Borrowed. */
static const char *only_product(const struct catalog *catalog)
{
	const char *only = NULL;
	for (size_t i = 0; i < catalog->n_licenses; i++)
		for (size_t j = 0; j < catalog->licenses[i].license.n_products; j++) {
			const char *id = catalog->licenses[i].license.products[j].id;
			if (only && strcmp(only, id) != 0)
				return NULL;
			only = id;
		}
	return only;
}

/* Device, product and user of the request. ret_why: what is wrong with them. */
static int read_question(struct question *q, const char **ret_why)
{
	const char *user = exchange_query(q->x, "user");
	int64_t ignored;
	*ret_why = "product: it must be named, unless exactly one is licensed here";
	int error = exchange_catalog(q->x, &q->catalog);
	const char *product = exchange_query(q->x, "product");
	if (!error && !product)
		product = only_product(q->catalog);
	if (error || !product)
		return error ? error : E_BAD_REQUEST;
	snprintf(q->product, sizeof(q->product), "%s", product);
	*ret_why =
		"no device on record has this id: it has never reached this host; run 'muster where' on it";
	error = exchange_device(q->x, q->x->id, q->device, &q->num, ret_why);
	if (error || !user)
		return error ? error : find_user(q);
	*ret_why = "user: nobody has this name";
	error = exchange_user(q->x, user, &ignored);
	snprintf(q->user, sizeof(q->user), "%s", user);
	return error;
}

/* --- the answer --- */

static const char *holding_name(const struct holding *h, int64_t now)
{
	return h->state ? store_holding_state(h, now) : NULL;
}

static json_t *rules_json(const struct policy_step *step, enum model model)
{
	size_t n;
	const struct policy_rule *rules = policy_rules(&n);
	json_t *passed = json_array();
	for (size_t i = 0; i < n && (step->rule < 0 || (int)i <= step->rule); i++)
		if (rules[i].models & 1u << model)
			json_array_append_new(passed,
					      json_pack("{s:s, s:s, s:b}", "rule", rules[i].name, "text",
							rules[i].text, "passed", (int)i != step->rule));
	return passed;
}

static json_t *grant_json(const struct question *q, const struct why_grant *of)
{
	struct catalog_grant g;
	json_t *item = json_object();
	bool found = catalog_grant(q->catalog, of->grant, &g);
	json_set_text(item, "grant", found ? g.grant->id : NULL);
	json_set_text(item, "license", found ? g.license->license.id : NULL);
	json_set_text(item, "model", found ? model_name(g.grant->model) : NULL);
	json_set_text(item, "holding", holding_name(&of->holding, q->x->now));
	json_set_time(item, "activated", of->holding.activated);
	json_set_time(item, "renewed", of->holding.renewed);
	json_set_time(item, "contacted", of->holding.contacted);
	json_set_time(item, "expires", of->holding.expires);
	json_set_number(item, "count", of->count);
	json_set_number(item, "active", of->active);
	if (of->devices_used)
		json_set_number(item, "other_devices", of->devices_used);
	if (of->parts)
		json_set_number(item, "hardware_parts", (int64_t)of->parts);
	return item;
}

static enum model grant_model(const struct question *q, int64_t grant)
{
	struct catalog_grant g;
	return catalog_grant(q->catalog, grant, &g) ? g.grant->model : MODEL_VOLUME;
}

/* Those that were looked at, in order, then those that were not, because one before them serves. */
static json_t *grants_json(const struct question *q, const struct why *why)
{
	json_t *items = json_array();
	bool looked_at[CANDIDATES_MAX] = {false};
	for (size_t i = 0; i < why->trace.n; i++) {
		const struct policy_step *step = &why->trace.steps[i];
		const struct why_grant *of = &why->grants[step->candidate];
		json_t *item = grant_json(q, of);
		looked_at[step->candidate] = true;
		json_set_text(item, "outcome", step->code ? "refused" : "serves");
		json_object_set_new(item, "counts", json_boolean(step->code && step->counts));
		json_object_set_new(item, "rules", rules_json(step, grant_model(q, of->grant)));
		json_object_set_new(item, "error",
				    step->code ? exchange_error(step->code, NULL, &step->numbers)
					       : json_null());
		json_array_append_new(items, item);
	}
	for (size_t i = 0; i < why->n; i++) {
		if (looked_at[i])
			continue;
		json_t *item = grant_json(q, &why->grants[i]);
		json_set_text(item, "outcome", "not_needed");
		json_object_set_new(item, "rules", json_array());
		json_object_set_new(item, "error", json_null());
		json_array_append_new(items, item);
	}
	return items;
}

static void add_seat(const struct question *q, json_t *seats, const char *holder, const struct seat *s)
{
	struct catalog_grant g;
	if (!s->grant && !s->code)
		return;
	json_t *item = json_object();
	bool found = s->grant && catalog_grant(q->catalog, s->grant, &g);
	json_set_text(item, "holder", holder);
	json_set_text(item, "grant", found ? g.grant->id : NULL);
	json_object_set_new(item, "direct", json_boolean(s->direct));
	json_object_set_new(item, "error",
			    s->code ? exchange_error(s->code, NULL, &NUMBERS_NONE) : json_null());
	json_array_append_new(seats, item);
}

static int add_refusal(const struct row *row, void *context)
{
	json_t *items = context;
	json_t *item = json_object();
	json_set_text(item, "code", error_name((int)row->u.record.u.denial.code));
	json_set_time(item, "began", row->u.record.u.denial.began);
	json_set_time(item, "latest", row->u.record.u.denial.latest);
	json_set_number(item, "times", row->u.record.u.denial.n);
	json_array_append_new(items, item);
	return 0;
}

/* What the device was refused before. */
static int add_refusals(struct question *q)
{
	struct record like = {.kind = RECORD_DENIAL, .u.denial = {.device = q->num, .product = q->product}};
	struct listing l = {.kind = LIST_RECORD,
			    .like = &like,
			    .by = BY(denial, device) | BY(denial, product),
			    .limit = REFUSALS_SHOWN};
	json_t *items = json_array();
	json_object_set_new(q->answer, "refusals", items);
	return store_page(q->x->admin->reader, &l, add_refusal, items);
}

/* What the device would be told now. */
static void add_verdict(struct question *q, const struct job *job)
{
	const struct answer_line *a = &job->lines[0].answer;
	const struct why *why = job->why;
	struct catalog_grant g;
	char detail[LIMIT_DETAIL + 1];
	snprintf(detail, sizeof(detail), "%s", job->lines[0].detail);
	if (a->code == E_PRODUCT_UNKNOWN)
		name_products(q->catalog, detail, sizeof(detail));
	bool found = a->grant && catalog_grant(q->catalog, a->grant, &g);
	json_object_set_new(q->answer, "outcome", json_string(a->code ? "refused" : "licensed"));
	json_object_set_new(q->answer, "error",
			    a->code ? exchange_error(a->code, detail, &a->numbers) : json_null());
	json_set_text(q->answer, "grant", found ? g.grant->id : NULL);
	json_set_time(q->answer, "expires", why->expires);
	json_set_time(q->answer, "renew_after", why->renew_after);
}

static void reply(struct question *q, const struct job *job)
{
	const struct why *why = job->why;
	json_t *seats = json_array();
	json_set_text(q->answer, "user", q->user[0] ? q->user : NULL);
	json_object_set_new(q->answer, "signed_in", json_boolean(why->bound));
	json_object_set_new(q->answer, "blocked", json_boolean(why->blocked));
	json_object_set_new(q->answer, "shared", json_boolean(why->shared));
	json_object_set_new(q->answer, "approved", json_boolean(why->approved));
	json_set_time(q->answer, "answered", why->answered);
	add_verdict(q, job);
	json_object_set_new(q->answer, "grants", grants_json(q, why));
	add_seat(q, seats, "device", &why->device_seat);
	add_seat(q, seats, "user", &why->user_seat);
	json_object_set_new(q->answer, "seats", seats);
}

/* The same job as a device's own request, dry. */
static struct job *make_job(const struct question *q)
{
	struct job *job = job_new(JOB_ACTIVATE, 1);
	if (job)
		job->why = calloc(1, sizeof(*job->why));
	if (!job || !job->why ||
	    base64url_read_exact(q->device, DEVICE_ID_TEXT - 1, job->device, DEVICE_ID)) {
		job_free(job);
		return NULL;
	}
	job->dry_run = true;
	job->may_enrol = true;
	snprintf(job->lines[0].product, sizeof(job->lines[0].product), "%s", q->product);
	snprintf(job->lines[0].user, sizeof(job->lines[0].user), "%s", q->user);
	return job;
}

/* Nothing of it is told before all of it is known. */
static int answer(struct question *q, struct job *job)
{
	struct listing l = {.kind = LIST_DEVICE, .device = q->num, .now = q->x->now, .limit = 1};
	int error = store_page(q->x->admin->reader, &l, take_device, q);
	if (error >= 0)
		error = add_refusals(q);
	if (!error)
		error = exchange_catalog(q->x, &q->catalog); /* it may be a newer one */
	if (!error)
		reply(q, job);
	return error;
}

void why_show(struct exchange *x)
{
	struct question q = {.x = x};
	const char *why = NULL;
	int error = read_question(&q, &why);
	struct job *job = error ? NULL : make_job(&q);
	if (error || !job) {
		exchange_problem(x, error ? error : E_NO_MEMORY, error ? why : NULL);
		return;
	}
	if (exchange_call(x, job) == 0) {
		q.answer =
			json_pack("{s:i, s:s, s:s}", "schema", 1, "device", q.device, "product", q.product);
		error = answer(&q, job);
		if (error)
			json_decref(q.answer);
		if (error)
			exchange_problem(x, error, NULL);
		else
			exchange_json(x, MHD_HTTP_OK, q.answer);
	}
	job_free(job);
}
