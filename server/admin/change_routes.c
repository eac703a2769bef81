/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/changes: a JSON list of changes becomes one job, and its outcomes a JSON list in the same order.
 */
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "change_read.h"
#include "error.h"
#include "exchange.h"
#include "jsontext.h"
#include "replay.h"

static json_t *outcome(const struct change *c)
{
	json_t *item = json_object();
	json_set_text(item, "do", change_name(c->kind));
	size_t n;
	const struct change_member *members = change_members(&n);
	for (size_t i = 0; i < n; i++) {
		const char *text = members[i].type == MEMBER_TEXT || members[i].type == MEMBER_LIST
					   ? *(const char *const *)((const char *)c + members[i].at)
					   : NULL;
		if (text && strcmp(members[i].name, "key") != 0 && strcmp(members[i].name, "if_match") != 0)
			json_set_text(item, members[i].name, text);
	}
	json_object_set_new(item, "ok", json_boolean(c->code == 0));
	if (c->code) {
		json_object_set_new(item, "error", exchange_error(c->code, c->detail, &c->numbers));
		return item;
	}
	if (c->id)
		json_set_number(item, "id", c->id);
	if (c->output[0])
		json_set_text(item, "code", c->output);
	if (c->output[0] || c->until)
		json_set_time(item, "expires", c->until);
	if (c->detail[0])
		json_set_text(item, "detail", c->detail);
	return item;
}

static json_t *effect_row(const struct change_effect *e)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:I}", "product", e->product, "gained", (json_int_t)e->gained,
			 "lost", (json_int_t)e->lost, "waiting", (json_int_t)e->waiting, "seats",
			 (json_int_t)e->seats);
}

static json_t *outcomes(const struct orders *o)
{
	json_t *items = json_array();
	json_t *effects = json_array();
	for (size_t i = 0; i < o->n; i++)
		json_array_append_new(items, outcome(&o->changes[i]));
	for (size_t i = 0; i < o->n_effects; i++)
		json_array_append_new(effects, effect_row(&o->effects[i]));
	return json_pack("{s:i, s:b, s:o, s:o}", "schema", 1, "dry_run", o->dry_run, "items", items, "effect",
			 effects);
}

static int resolve(void *context, const char *text, char ret_id[DEVICE_ID_TEXT], const char **ret_why)
{
	int64_t ignored;
	return exchange_device(context, text, ret_id, &ignored, ret_why);
}

/* --- if_match --- */

/* The page of what a change is about: of the group where it changes one, else of whom it names first. */
static const char *resource(const struct change *c, char path[16])
{
	const char *group = c->group ? c->group : c->device_group;
	bool of_group = change_needs(c->kind) & ORDER_GROUP;
	const char *kind = of_group    ? "groups"
			   : c->user   ? "users"
			   : c->device ? "devices"
			   : group     ? "groups"
			   : c->grant  ? "subscriptions"
				       : "";
	snprintf(path, 16, "%s", kind);
	return of_group ? c->group : c->user ? c->user : c->device ? c->device : group ? group : c->grant;
}

/*
 * On the lane, inside of the transaction, while this socket's thread waits: its page is made once more, read
 * with the lane's handle.
 */
static int tag_of(void *context, struct store *store, const struct change *c, char ret[CHANGE_TAG])
{
	const struct exchange *x = context;
	struct admin borrower = *x->admin;
	struct exchange look = *x;
	char kind[16];
	char path[32];
	char allow[ROUTE_ALLOW];
	const char *ignored;
	borrower.reader = store;
	look.admin = &borrower;
	look.id = resource(c, kind);
	look.status = 0;
	look.reply = NULL;
	look.replay = NULL;
	look.borrowed = true;
	look.fixed.key = strcmp(kind, "groups") == 0 ? "kind" : "license";
	look.fixed.value = *look.fixed.key == 'l'          ? c->license
			   : c->devices || c->device_group ? "devices"
							   : NULL;
	snprintf(path, sizeof(path), "/v1/%s/_", kind);
	look.route = route_find("GET", path, false, &ignored, allow);
	if (!look.id || !look.route)
		return E_NOT_FOUND;
	exchange_fresh(); /* this is the lane */
	look.route->handle(&look);
	free(look.reply);
	if (look.status == MHD_HTTP_OK)
		snprintf(ret, CHANGE_TAG, "%s", look.tag);
	return look.status == MHD_HTTP_OK ? 0 : look.status == MHD_HTTP_NOT_FOUND ? E_NOT_FOUND : E_STORE_IO;
}

/* If-Match is the if_match of a single change. False: there are several. */
static bool take_header(const struct exchange *x, struct orders *o)
{
	const char *match = MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, "If-Match");
	o->tag = tag_of;
	o->context = (void *)x;
	if (match && o->n == 1)
		o->changes[0].if_match = match;
	return !match || o->n == 1;
}

/* --- POST /v1/changes --- */

static char *write_outcomes(const struct job *job)
{
	exchange_fresh(); /* this is the lane */
	json_t *document = outcomes(job->orders);
	char *text = exchange_whole() ? jsontext_write(document, JSON_INDENT(1)) : NULL;
	json_decref(document);
	return text;
}

static void reply_outcomes(struct exchange *x, const struct job *job)
{
	const struct change *first = job->orders->changes;
	bool header = MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, "If-Match") != NULL;
	if (x->replay && x->replay->text)
		exchange_text(x, "application/json", strdup(x->replay->text));
	else if (header && first->code == E_PRECONDITION_FAILED)
		exchange_problem(x, E_PRECONDITION_FAILED, first->detail);
	else
		exchange_json(x, MHD_HTTP_OK, outcomes(job->orders));
}

void change_apply(struct exchange *x)
{
	char why[CHANGE_WHY] = "";
	struct orders *orders = NULL;
	const struct change_reader reader = {.body = (const char *)x->body.bytes,
					     .n = x->body.used,
					     .role = x->peer.role,
					     .resolve = resolve,
					     .context = x};
	if (!exchange_need_catalog(x)) /* tag_of looks into it */
		return;
	int error = change_read(&reader, &orders, why);
	if (!error && !take_header(x, orders)) {
		error = E_BAD_REQUEST;
		snprintf(why, sizeof(why), "If-Match goes with a single change; give each its if_match");
	}
	struct job *job = error ? NULL : job_new(JOB_CHANGE, 0);
	if (!error && !job)
		error = E_NO_MEMORY;
	if (error == E_NOT_PERMITTED)
		exchange_audit_refusal(x);
	if (error) {
		orders_free(orders);
		exchange_problem(x, error,
				 error == E_NOT_PERMITTED ? role_name(x->peer.role)
				 : why[0]                 ? why
							  : NULL);
		return;
	}
	job->orders = orders;
	if (x->replay)
		x->replay->write = write_outcomes;
	if (exchange_call(x, job) == 0)
		reply_outcomes(x, job);
	job_free(job);
}
