/* SPDX-License-Identifier: Apache-2.0 */
#include "dns_view.h"

#include <inttypes.h>
#include <string.h>

#include "error.h"
#include "facts.h"

/* --- rows --- */

/* Every row has every member. */
static json_t *new_row(json_t *items, const char *domain, const char *verdict, int code, const char *detail)
{
	static const char *const others[] = {"target", "port", "priority", "weight", "ttl", "address", "ms"};
	json_t *row = json_object();
	json_set_text(row, "domain", domain);
	json_set_text(row, "verdict", verdict);
	json_set_text(row, "detail", detail && *detail ? detail : NULL);
	json_object_set_new(row, "rogue", json_false());
	json_object_set_new(row, "error", code ? exchange_error(code, NULL, &NUMBERS_NONE) : json_null());
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		json_object_set_new(row, others[i], json_null());
	json_array_append_new(items, row);
	return row;
}

static void set_record(json_t *row, const struct dns_srv *srv)
{
	json_set_text(row, "target", srv->target);
	json_set_number(row, "port", srv->port);
	json_set_number(row, "priority", srv->priority);
	json_set_number(row, "weight", srv->weight);
}

static void add_row(json_t *items, const char *domain, const struct check_row *r)
{
	json_t *row = new_row(items, domain, verdict_name(r->verdict), verdict_code(r->verdict),
			      r->detail[0] ? r->detail : verdict_meaning(r->verdict));
	set_record(row, &r->srv);
	json_set_number(row, "ttl", r->srv.ttl);
	json_set_text(row, "address", r->address[0] ? r->address : NULL);
	json_object_set_new(row, "rogue", json_boolean(verdict_rogue(r->verdict)));
	json_set_number(row, "ms", r->ms);
}

void dns_view_rows(json_t *items, const struct watch_settings *settings, const struct check *c)
{
	for (size_t i = 0; i < c->n; i++)
		add_row(items, c->domain, &c->rows[i]);
	if (c->error == E_DNS_FAILED)
		new_row(items, c->domain, "no_answer", c->error, error_text(c->error));
	else if (c->error)
		new_row(items, c->domain, "no_record", c->error, error_text(c->error));
	else if (!c->present && settings->own.target[0])
		set_record(new_row(items, c->domain, "missing", E_DNS_OWN_MISSING, "this host's own record"),
			   &settings->own);
}

void dns_view_failed(json_t *items, const char *domain, int error)
{
	new_row(items, domain, "failed", error, error_text(error));
}

/* --- health --- */

static void tell_row(const struct check *c, const struct check_row *r, dns_finding *found, void *context)
{
	char text[2 * LIMIT_HOSTNAME + DNS_ADDRESS_TEXT + VERDICT_DETAIL + 120];
	snprintf(text, sizeof(text), "%s: %s:%u%s%s leads to %s%s%s", c->domain, r->srv.target, r->srv.port,
		 r->address[0] ? " at " : "", r->address, verdict_meaning(r->verdict),
		 r->detail[0] ? ": " : "", r->detail);
	found(context, verdict_code(r->verdict),
	      verdict_rogue(r->verdict) ? SEVERITY_ERROR : SEVERITY_WARNING, text);
}

static void tell_rows(const struct check *c, bool rogue, size_t *left, dns_finding *found, void *context)
{
	for (size_t i = 0; i < c->n && *left; i++) {
		const struct check_row *r = &c->rows[i];
		if (!verdict_code(r->verdict) || verdict_rogue(r->verdict) != rogue)
			continue;
		tell_row(c, r, found, context);
		--*left;
	}
}

void dns_view_findings(const struct watch_settings *settings, const struct watch_domain *d,
		       dns_finding *found, void *context)
{
	char text[LIMIT_HOSTNAME + UPDATE_DETAIL + 64];
	const struct check *c = &d->check;
	size_t left = DNS_FINDINGS_MAX;
	enum severity own = settings->publish ? SEVERITY_WARNING : SEVERITY_INFO;
	tell_rows(c, true, &left, found, context);
	if (d->publish_error) {
		snprintf(text, sizeof(text), "%s: the record could not be published: %s", c->domain,
			 d->publish_detail);
		found(context, d->publish_error, SEVERITY_WARNING, text);
	}
	if (c->error) {
		snprintf(text, sizeof(text), "%s: %s", c->domain, error_text(c->error));
		found(context, c->error, SEVERITY_WARNING, text);
	} else if (c->at && !c->present) {
		snprintf(text, sizeof(text), "%s: no record leads to %s, port %u", c->domain,
			 settings->own.target, settings->own.port);
		found(context, E_DNS_OWN_MISSING, own, text);
	}
	tell_rows(c, false, &left, found, context);
}

/* --- metrics --- */

/* Names of domains need no escaping: letters, digits, dots, '-' and '_'. */
static void gauge(FILE *out, const char *metric, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s gauge\n", metric, help, metric);
}

void dns_view_metrics(FILE *out, const struct watch_settings *settings, const struct watch_report *r)
{
	if (!r->n)
		return;
	gauge(out, "muster_dns_targets", "Addresses of the domain's records, by what they lead to.");
	for (size_t i = 0; i < r->n; i++)
		for (enum dns_verdict v = 0; v < VERDICT_COUNT; v++)
			fprintf(out, "muster_dns_targets{domain=\"%s\",verdict=\"%s\"} %zu\n",
				settings->domains[i], verdict_name(v), check_count(&r->domains[i].check, v));
	gauge(out, "muster_dns_published", "1 when the host's own record stands in the domain as it should.");
	for (size_t i = 0; i < r->n; i++)
		fprintf(out, "muster_dns_published{domain=\"%s\"} %d\n", settings->domains[i],
			r->domains[i].check.present);
	gauge(out, "muster_dns_checked_timestamp_seconds",
	      "When the domain's records were last looked at, in Unix time; 0: never.");
	for (size_t i = 0; i < r->n; i++)
		fprintf(out, "muster_dns_checked_timestamp_seconds{domain=\"%s\"} %" PRId64 "\n",
			settings->domains[i], r->domains[i].check.at);
}
