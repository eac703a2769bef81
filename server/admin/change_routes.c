/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/changes: a JSON list of changes becomes one job, and its outcomes a JSON list in the same order.
 */
#include <microhttpd.h>
#include <string.h>

#include "change_read.h"
#include "error.h"
#include "exchange.h"

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
		if (text && strcmp(members[i].name, "key") != 0)
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

void change_apply(struct exchange *x)
{
	char why[CHANGE_WHY] = "";
	struct orders *orders = NULL;
	const struct change_reader reader = {.body = (const char *)x->body.bytes,
					     .n = x->body.used,
					     .role = x->peer.role,
					     .resolve = resolve,
					     .context = x};
	int error = change_read(&reader, &orders, why);
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
	if (exchange_call(x, job) == 0)
		exchange_json(x, MHD_HTTP_OK, outcomes(job->orders));
	job_free(job);
}
