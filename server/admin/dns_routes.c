/* SPDX-License-Identifier: Apache-2.0 */
/* DNS: the host's own record, and what the records of all hosts lead to. What takes time runs on the
 * watchdog's thread, and its exchange waits without holding up the others of the socket. */
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns_view.h"
#include "error.h"
#include "name.h"
#include "own.h"
#include "page.h"

/* --- domains --- */

static const struct watch_settings *settings_of(const struct exchange *x)
{
	return watch_settings(x->admin->settings.dns);
}

/* The domain asked for, "" for all that are configured. False after a problem was replied. */
static bool read_domain(struct exchange *x, const char **ret)
{
	const char *domain = exchange_query(x, "domain");
	*ret = domain ? domain : "";
	if (domain && !dns_name_ok(domain))
		exchange_problem(x, E_BAD_REQUEST, "domain");
	else if (!domain && settings_of(x)->n_domains == 0)
		exchange_problem(x, E_DNS_NOT_CONFIGURED, NULL);
	else
		return true;
	return false;
}

/* Without a whole name there is no record to make. */
static bool has_target(struct exchange *x)
{
	if (settings_of(x)->own.target[0])
		return true;
	exchange_problem(x, E_CONFIG_INVALID, "set [dns] target to the whole name of this host");
	return false;
}

/* --- the own record --- */

/* The zone lines, each a text. */
static json_t *own_words(const struct watch_settings *s, const char *domain)
{
	char lines[OWN_LINES];
	char *rest = own_lines(domain, &s->own, lines);
	json_t *words = json_array();
	for (char *line; (line = strsep(&rest, "\n")) && *line;)
		json_array_append_new(words, json_string(line));
	return words;
}

static json_t *own_row(const struct watch_settings *s, const char *domain)
{
	char name[DNS_RECORD_NAME];
	return json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:s, s:o}", "domain", domain, "name",
			 own_name(domain, name), "type", "SRV", "ttl", (int)s->own.ttl, "priority",
			 s->own.priority, "weight", s->own.weight, "port", s->own.port, "target",
			 s->own.target, "lines", own_words(s, domain));
}

void dns_records(struct exchange *x)
{
	const struct watch_settings *s = settings_of(x);
	const char *domain;
	if (!read_domain(x, &domain) || !has_target(x))
		return;
	json_t *items = json_array();
	if (*domain)
		json_array_append_new(items, own_row(s, domain));
	for (size_t i = 0; !*domain && i < s->n_domains; i++)
		json_array_append_new(items, own_row(s, s->domains[i]));
	page_reply_whole(x, items);
}

/* --- what is known --- */

static json_t *domain_row(const struct watch_settings *s, const struct watch_domain *d)
{
	json_t *row = json_object();
	json_t *targets = json_array();
	json_set_text(row, "domain", d->check.domain);
	json_set_time(row, "checked", d->check.at);
	json_object_set_new(row, "present", json_boolean(d->check.present));
	json_set_time(row, "published", d->published_at);
	json_object_set_new(row, "publish_error",
			    d->publish_error
				    ? exchange_error(d->publish_error, d->publish_detail, &NUMBERS_NONE)
				    : json_null());
	if (d->check.at)
		dns_view_rows(targets, s, &d->check);
	json_object_set_new(row, "targets", targets);
	return row;
}

void dns_show(struct exchange *x)
{
	const struct watch_settings *s = settings_of(x);
	struct watch_report *report;
	int error = watch_report(x->admin->settings.dns, &report);
	if (error) {
		exchange_problem(x, error, NULL);
		return;
	}
	json_t *items = json_array();
	for (size_t i = 0; i < report->n; i++)
		json_array_append_new(items, domain_row(s, &report->domains[i]));
	watch_report_free(report);
	exchange_json(x, MHD_HTTP_OK,
		      json_pack("{s:i, s:o, s:b, s:i}", "schema", 1, "items", items, "publish", s->publish,
				"watch_minutes", s->minutes));
}

/* --- orders --- */

static const char *outcome_of(enum watch_do what, const struct watch_outcome *o)
{
	if (o->error)
		return "failed";
	if (what == WATCH_PUBLISH)
		return o->update.changed ? "published" : "unchanged";
	return o->update.changed ? "withdrawn" : "absent";
}

static json_t *outcome_row(const struct watch_order *order, const struct watch_settings *s,
			   const struct watch_outcome *o)
{
	json_t *row = json_object();
	json_set_text(row, "domain", o->domain);
	json_set_text(row, "result", outcome_of(order->what, o));
	json_set_text(row, "target", s->own.target);
	json_set_number(row, "port", s->own.port);
	json_set_text(row, "zone", o->update.zone[0] ? o->update.zone : NULL);
	json_set_text(row, "server", o->update.server[0] ? o->update.server : NULL);
	json_object_set_new(row, "error",
			    o->error ? exchange_error(o->error, o->update.detail, &NUMBERS_NONE)
				     : json_null());
	return row;
}

/* The order is done. What failed for one domain alone is the answer's problem; of several, each row has its
 * own.
 */
static void answer_order(struct exchange *x)
{
	const struct watch_settings *s = settings_of(x);
	const struct watch_order *o = x->order;
	if (o->n == 1 && o->rows[0].error) {
		exchange_problem(x, o->rows[0].error,
				 o->rows[0].update.detail[0] ? o->rows[0].update.detail : NULL);
		return;
	}
	json_t *items = json_array();
	for (size_t i = 0; i < o->n; i++) {
		if (o->what != WATCH_CHECK)
			json_array_append_new(items, outcome_row(o, s, &o->rows[i]));
		else if (o->rows[i].error)
			dns_view_failed(items, o->rows[i].domain, o->rows[i].error);
		else
			dns_view_rows(items, s, &o->rows[i].check);
	}
	exchange_json(x, MHD_HTTP_OK, json_pack("{s:i, s:o}", "schema", 1, "items", items));
}

static void on_finished(struct watch_order *o)
{
	exchange_resume(o->waiter);
}

static void order(struct exchange *x, enum watch_do what)
{
	const char *domain;
	if (!read_domain(x, &domain) || (what != WATCH_CHECK && !has_target(x)))
		return;
	x->order = calloc(1, sizeof(*x->order));
	if (!x->order) {
		exchange_problem(x, E_NO_MEMORY, NULL);
		return;
	}
	x->order->what = what;
	x->order->finished = on_finished;
	x->order->waiter = x;
	snprintf(x->order->domain, sizeof(x->order->domain), "%s", domain);
	exchange_actor(x, x->order->actor);
	exchange_suspend(x, answer_order);
	int error = watch_submit(x->admin->settings.dns, x->order);
	if (error) {
		x->order->n = 1;
		x->order->rows[0].error = error;
		exchange_resume(x);
	}
}

void dns_check(struct exchange *x)
{
	order(x, WATCH_CHECK);
}

void dns_publish(struct exchange *x)
{
	order(x, WATCH_PUBLISH);
}

void dns_withdraw(struct exchange *x)
{
	order(x, WATCH_WITHDRAW);
}
