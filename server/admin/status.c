/* SPDX-License-Identifier: Apache-2.0 */
#include "status.h"

#include <inttypes.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "day.h"
#include "error.h"
#include "page.h"
#include "rfc3339.h"
#include "seat.h"

/* What the next stage of its life takes away, for people. */
static const char *loses(const struct grant_now *g)
{
	switch (g->terms.stage) {
	case STAGE_PENDING:
		return "nothing: it begins then";
	case STAGE_ACTIVE:
		return g->terms.end == g->terms.grace_end ? "no new leases or assignments; leases run out"
							  : "nothing yet: the grace begins";
	case STAGE_EXPIRED:
		return "no new leases or assignments; leases run out";
	case STAGE_DISABLED:
		return "its seats and activations; only a new license starts it again then";
	default:
		return "";
	}
}

json_t *overview_grant(const struct grant_now *g)
{
	const struct grant *grant = g->grant.grant;
	bool seats = model_seats(grant->model);
	json_t *row = json_object();
	json_set_text(row, "grant", grant->id);
	json_set_text(row, "license", g->grant.license->license.id);
	json_set_text(row, "vendor", g->grant.license->vendor);
	json_set_text(row, "product", grant->product);
	json_set_text(row, "model", model_name(grant->model));
	json_set_text(row, "state", g->terms.state);
	json_set_text(row, "next_state", g->terms.next);
	json_set_time(row, "next_at", g->terms.next_at);
	json_set_text(row, "loses", loses(g));
	json_object_set_new(row, "quantity",
			    g->terms.quantity ? json_integer(g->terms.quantity) : json_null());
	json_set_number(row, "count", g->count);
	json_set_number(row, "threshold", grant->policy.threshold);
	json_set_number(row, "active", g->active);
	json_set_number(row, "assigned", seats ? g->seats : g->active);
	json_set_number(row, "in_use", g->active);
	json_object_set_new(row, "recurring", json_boolean(grant->recurring));
	json_set_text(row, "self_service", grant->self_service_owner[0] ? grant->self_service_owner : NULL);
	json_set_time(row, "taken_over", g->marks.taken_over);
	json_set_time(row, "cancel_until", grant->cancel_until);
	json_set_time(row, "cancelled", g->marks.cancelled);
	json_set_time(row, "over_until",
		      g->marks.over_since ? g->marks.over_since + (int64_t)SEAT_CURE_DAYS * DAY_SECONDS : 0);
	json_set_time(row, "expires", g->terms.end);
	json_set_time(row, "below_since", g->marks.below_since);
	return row;
}

json_t *overview_product(const struct overview *o, const struct product *product)
{
	int64_t total = 0;
	int64_t assigned = 0;
	int64_t used = 0;
	int64_t available = 0;
	bool open = false;
	for (size_t i = 0; i < o->n_grants; i++) {
		const struct grant_now *g = &o->grants[i];
		if (strcmp(g->grant.grant->product, product->id) != 0)
			continue;
		int64_t taken = model_seats(g->grant.grant->model) ? g->seats : g->active;
		assigned += taken;
		used += g->active;
		/* What takes nobody any more gives nothing to the total. */
		open |= g->terms.quantity == 0 && g->terms.open;
		if (g->terms.open) {
			total += g->terms.quantity;
			available += g->terms.quantity > taken ? g->terms.quantity - taken : 0;
		}
	}
	json_t *row = json_object();
	json_set_text(row, "product", product->id);
	json_set_text(row, "name", product->name);
	json_object_set_new(row, "total", open ? json_null() : json_integer(total));
	json_set_number(row, "assigned", assigned);
	json_set_number(row, "in_use", used);
	json_object_set_new(row, "available", open ? json_null() : json_integer(available));
	return row;
}

static json_t *product_rows(const struct overview *o)
{
	json_t *rows = json_array();
	for (size_t i = 0; i < o->n_grants; i++) {
		bool seen = false;
		for (size_t j = 0; j < i && !seen; j++)
			seen = strcmp(o->grants[j].grant.grant->product, o->grants[i].grant.grant->product) ==
			       0;
		if (!seen)
			json_array_append_new(rows, overview_product(o, o->grants[i].grant.product));
	}
	return rows;
}

static json_t *host_row(const struct exchange *x, const struct catalog *catalog)
{
	const struct admin_settings *s = &x->admin->settings;
	char ledger[32];
	json_t *row = json_object();
	base64url_write(s->broker->ledger, LEDGER_ID, ledger, sizeof(ledger));
	json_set_text(row, "name", s->name);
	json_set_text(row, "id", s->broker->key->id);
	json_set_text(row, "org", catalog->n_certificates ? catalog->certificates[0].certificate.org : NULL);
	json_set_text(row, "ledger", ledger);
	return row;
}

void status_show(struct exchange *x)
{
	struct overview *o;
	int error = overview_gather(x, &o);
	if (error) {
		exchange_problem(x, error, NULL);
		return;
	}
	error = overview_peaks(x, o);
	if (error) {
		free(o);
		exchange_problem(x, error, NULL);
		return;
	}
	const struct admin_settings *s = &x->admin->settings;
	json_t *listeners = json_array();
	json_t *grants = json_array();
	for (size_t i = 0; i < s->n_listeners; i++)
		json_array_append_new(listeners, json_string(s->listeners[i]));
	for (size_t i = 0; i < o->n_grants; i++) {
		json_t *row = overview_grant(&o->grants[i]);
		json_set_number(row, "peak_today", o->grants[i].today.active);
		json_set_number(row, "peak_30d", o->grants[i].month.active);
		json_array_append_new(grants, row);
	}
	json_t *status = json_pack("{s:i, s:s, s:s, s:o, s:o}", "schema", 1, "state", o->state, "version",
				   MUSTER_VERSION, "host", host_row(x, o->catalog), "listeners", listeners);
	json_set_time(status, "started", x->admin->started);
	json_set_number(status, "uptime_s", x->now - x->admin->started);
	json_set_number(status, "devices", o->devices);
	json_object_set_new(status, "health", overview_health(o));
	json_object_set_new(status, "products", product_rows(o));
	json_object_set_new(status, "grants", grants);
	free(o);
	exchange_json(x, MHD_HTTP_OK, status);
}

void health_show(struct exchange *x)
{
	struct overview *o;
	int error = overview_gather(x, &o);
	if (error) {
		exchange_problem(x, error, NULL);
		return;
	}
	bool degraded = strcmp(o->state, "degraded") == 0;
	json_t *health =
		json_pack("{s:i, s:s, s:o}", "schema", 1, "state", o->state, "health", overview_health(o));
	free(o);
	exchange_json(x, degraded ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK, health);
}

void config_show(struct exchange *x)
{
	const struct admin_settings *s = &x->admin->settings;
	page_reply_whole(x, s->config(s->config_context));
}
