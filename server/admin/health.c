/* SPDX-License-Identifier: Apache-2.0 */
/* The named checks behind health, status and doctor: what is wrong, or will be, and what to do about it. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "day.h"
#include "dns_view.h"
#include "error.h"
#include "health_host.h"
#include "policy.h"
#include "rfc3339.h"
#include "seat.h"
#include "status.h"
#include "timekeeper.h"

#define THRESHOLD_NEAR 10    /* a tenth above it */
#define ADMIN_NOTICE_DAYS 60 /* administrators hear of an end earlier than users (domain.md 8.10) */

const char *severity_name(enum severity severity)
{
	static const char *const names[] = {"info", "warning", "error"};
	return names[severity];
}

static const char *next_of(int code)
{
	static const struct {
		int code;
		const char *command;
	} rows[] = {
#define NEXT(code, command) {E_##code, command},
#include "next.def"
#undef NEXT
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].code == code)
			return rows[i].command;
	return NULL;
}

static void add(struct overview *o, int code, enum severity severity, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void add(struct overview *o, int code, enum severity severity, const char *format, ...)
{
	va_list args;
	if (o->n_health == HEALTH_MAX)
		return;
	struct health_item *item = &o->health[o->n_health++];
	item->code = code;
	item->severity = severity;
	item->next = next_of(code);
	snprintf(item->remedy, sizeof(item->remedy), "%s", error_row(code)->remedy);
	va_start(args, format);
	vsnprintf(item->message, sizeof(item->message), format, args);
	va_end(args);
}

/* --- gathering --- */

struct gathering {
	struct overview *o;
	int64_t now;
};

static int take_grant(const struct row *row, void *context)
{
	struct gathering *g = context;
	struct overview *o = g->o;
	struct catalog_grant grant;
	if (o->n_grants == GRANT_ROWS_MAX || !catalog_grant(o->catalog, row->u.grant.num, &grant))
		return 0;
	o->grants[o->n_grants++] = (struct grant_now){
		.grant = grant,
		.count = row->u.grant.count,
		.active = row->u.grant.active,
		.seats = row->u.grant.seats,
		.waiting = row->u.grant.waiting,
		.marks = row->u.grant.marks,
		.terms = catalog_terms(o->catalog, &grant, &row->u.grant.marks, g->now),
	};
	return 0;
}

static int take_meta(const struct row *row, void *context)
{
	struct overview *o = context;
	if (strcmp(row->u.meta.key, META_BACKUP) == 0)
		o->backup_at = broker_meta_number(row);
	return 0;
}

static int take_skew(const struct row *row, void *context)
{
	struct overview *o = context;
	o->skew.ahead = row->u.skew.ahead;
	o->skew.behind = row->u.skew.behind;
	o->skew.most_ahead = row->u.skew.most_ahead;
	o->skew.most_behind = row->u.skew.most_behind;
	return 0;
}

static int take_audit_end(const struct row *row, void *context)
{
	((struct overview *)context)->audit_rows = row->u.audit.seq;
	return 0;
}

/* --- checks --- */

static void check_end(struct overview *o, int code, const char *what, const char *id, int64_t end,
		      int64_t now)
{
	char text[RFC3339_TEXT];
	rfc3339_write(end, text);
	if (now >= end)
		add(o, code, SEVERITY_ERROR, "%s %s ended %s", what, id, text);
	else if (now >= end - (int64_t)ADMIN_NOTICE_DAYS * DAY_SECONDS)
		add(o, code, SEVERITY_WARNING, "%s %s ends %s", what, id, text);
}

/* Was the ledger another host's, with a certificate for this license? */
static bool has_former(const struct catalog *c, const char *license)
{
	for (size_t i = 0; i < c->n_certificates; i++)
		if (c->certificates[i].former && strcmp(c->certificates[i].certificate.license, license) == 0)
			return true;
	return false;
}

static void check_certified(struct overview *o, const char *license)
{
	bool former = has_former(o->catalog, license);
	add(o, E_NOT_CERTIFIED, SEVERITY_ERROR,
	    former ? "the certificate for license %s is the former host's"
		   : "this host holds no certificate for license %s",
	    license);
	if (former && o->health[o->n_health - 1].code == E_NOT_CERTIFIED)
		o->health[o->n_health - 1].next = "musterctl host replace -o host.request";
}

static void check_licenses(struct overview *o, int64_t now)
{
	for (size_t i = 0; i < o->catalog->n_licenses; i++) {
		const struct catalog_license *l = &o->catalog->licenses[i];
		if (catalog_license_revoked(o->catalog, l))
			add(o, E_LICENSE_REVOKED, SEVERITY_ERROR, "the vendor has revoked license %s",
			    l->license.id);
		if (!l->certificate)
			check_certified(o, l->license.id);
		check_end(o, E_LICENSE_ENDED, "license", l->license.id, l->license.exp, now);
	}
	for (size_t i = 0; i < o->catalog->n_certificates; i++) {
		const struct catalog_certificate *c = &o->catalog->certificates[i];
		if (c->former)
			continue;
		check_end(o, E_CERTIFICATE_EXPIRED, "certificate for license", c->certificate.license,
			  c->certificate.exp, now);
		if (catalog_certificate_revoked(o->catalog, c, o->host))
			add(o, E_CERTIFICATE_REVOKED, SEVERITY_ERROR,
			    "the vendor has revoked this host's certificate for license %s",
			    c->certificate.license);
	}
	if (o->catalog->damaged)
		add(o, E_STORE_CORRUPT, SEVERITY_ERROR, "%zu stored files do not verify any more",
		    o->catalog->damaged);
}

static void check_threshold(struct overview *o, const struct grant_now *g)
{
	const struct grant *grant = g->grant.grant;
	int64_t need = grant->policy.threshold;
	char text[RFC3339_TEXT];
	if (g->count >= need) {
		/* Early, while there is time to see why machines have gone silent. */
		if (g->marks.reached && need > 1 && (g->count - need) * THRESHOLD_NEAR < need)
			add(o, E_THRESHOLD_NEAR, SEVERITY_INFO,
			    "grant %s counts %" PRId64 "; below %" PRId64 " its grace begins", grant->id,
			    g->count, need);
		return;
	}
	if (!g->marks.reached) {
		add(o, E_THRESHOLD_NOT_MET, SEVERITY_INFO, "grant %s counts %" PRId64 " of %" PRId64,
		    grant->id, g->count, need);
		return;
	}
	rfc3339_write(g->marks.below_since + (int64_t)grant->policy.grace_days * DAY_SECONDS, text);
	add(o, E_THRESHOLD_NOT_MET, SEVERITY_WARNING,
	    "grant %s fell to %" PRId64 " of %" PRId64 "; renewals go on until %s", grant->id, g->count, need,
	    g->marks.below_since ? text : "the grace ends");
}

/* How much of the quantity is taken, by the model's own count. */
static void check_use(struct overview *o, const struct grant_now *g)
{
	const struct grant *grant = g->grant.grant;
	int64_t quantity = g->terms.quantity;
	int64_t level = policy_pool_level(g->active, quantity);
	char text[RFC3339_TEXT];
	if (!quantity)
		return;
	if (grant->model == MODEL_POOL && level)
		add(o, E_POOL_LOW, level == POLICY_POOL_ALARM ? SEVERITY_WARNING : SEVERITY_INFO,
		    "pool %s has %" PRId64 " of %" PRId64 " activations used", grant->id, g->active,
		    quantity);
	if (grant->model == MODEL_VOLUME && g->active >= quantity)
		add(o, E_QUANTITY_EXCEEDED, SEVERITY_WARNING,
		    "grant %s has %" PRId64 " of %" PRId64 " places taken", grant->id, g->active, quantity);
	if (model_seats(grant->model) && g->seats == quantity)
		add(o, E_SEATS_EXHAUSTED, SEVERITY_INFO, "grant %s has all of its %" PRId64 " seats assigned",
		    grant->id, quantity);
	if (!g->marks.over_since)
		return;
	rfc3339_write(g->marks.over_since + (int64_t)SEAT_CURE_DAYS * DAY_SECONDS, text);
	add(o, E_SEATS_SHRUNK, SEVERITY_WARNING,
	    "grant %s has %" PRId64 " taken and %" PRId64 " left; cure it until %s", grant->id,
	    model_seats(grant->model) ? g->seats : g->active, quantity, text);
}

/* Its end and what comes after; where it ends with its license, that is warned of. */
static void check_stage(struct overview *o, const struct grant_now *g, int64_t now)
{
	char text[RFC3339_TEXT];
	bool own = g->terms.end != g->grant.license->license.exp;
	rfc3339_write(g->terms.next_at, text);
	if (g->terms.stage == STAGE_ACTIVE && own &&
	    now >= g->terms.end - (int64_t)ADMIN_NOTICE_DAYS * DAY_SECONDS)
		add(o, E_GRANT_ENDED, SEVERITY_WARNING, "grant %s ends %s", g->grant.grant->id, text);
	if (g->terms.stage == STAGE_EXPIRED)
		add(o, E_GRANT_ENDED, SEVERITY_WARNING, "grant %s has ended and will be disabled %s",
		    g->grant.grant->id, text);
	if (g->terms.stage == STAGE_DISABLED)
		add(o, g->marks.cancelled ? E_GRANT_CANCELLED : E_GRANT_ENDED, SEVERITY_WARNING,
		    "grant %s is disabled and will be deleted %s", g->grant.grant->id, text);
}

static void check_grant(struct overview *o, const struct grant_now *g, int64_t now)
{
	if (g->grant.grant->model == MODEL_VOLUME)
		check_threshold(o, g);
	check_use(o, g);
	check_stage(o, g, now);
}

/* --- dns --- */

static void take_finding(void *context, int code, enum severity severity, const char *message)
{
	add(context, code, severity, "%s", message);
}

static void check_dns(struct overview *o, struct watch *dns)
{
	struct watch_report *report;
	if (watch_report(dns, &report))
		return;
	for (size_t i = 0; i < report->n; i++)
		dns_view_findings(watch_settings(dns), &report->domains[i], take_finding, o);
	watch_report_free(report);
}

static bool serves(const struct overview *o)
{
	for (size_t i = 0; i < o->n_grants; i++)
		if (o->grants[i].grant.license->certificate &&
		    !catalog_certificate_revoked(o->catalog, o->grants[i].grant.license->certificate,
						 o->host) &&
		    (o->grants[i].terms.stage == STAGE_ACTIVE || o->grants[i].terms.stage == STAGE_EXPIRED))
			return true;
	return false;
}

static const char *state_of(const struct overview *o)
{
	if (!serves(o))
		return "unlicensed";
	for (size_t i = 0; i < o->n_health; i++)
		if (o->health[i].severity != SEVERITY_INFO)
			return "degraded";
	return "ok";
}

static void check_time(struct overview *o, const struct broker *broker)
{
	char wall[RFC3339_TEXT];
	char known[RFC3339_TEXT];
	struct time_view v = {TIME_GOOD, 0, 0};
	if (broker->time)
		v = timekeeper_look(broker->time);
	if (v.trust == TIME_GOOD)
		return;
	add(o, E_CLOCK_UNSAFE, SEVERITY_ERROR,
	    "this host's clock shows %s, %s %s, which was believed last: nothing is signed until it is set, "
	    "or accepted "
	    "with 'musterctl host accept-clock'",
	    rfc3339_write(v.wall, wall), v.trust == TIME_BEHIND ? "before" : "more than a month after",
	    rfc3339_write(v.now, known));
}

static void check_all(struct overview *o, const struct admin_settings *settings, int64_t started, int64_t now)
{
	const struct broker *broker = settings->broker;
	int error = atomic_load(&broker->store_error);
	if (error)
		add(o, error, SEVERITY_ERROR, "the last change could not be stored: %s", error_text(error));
	check_time(o, broker);
	int64_t retired = atomic_load(&broker->retired);
	char since[RFC3339_TEXT];
	if (retired)
		add(o, E_HOST_RETIRED, SEVERITY_WARNING, "retired since %s", rfc3339_write(retired, since));
	if (o->catalog->n_certificates == 0)
		add(o, E_NOT_CERTIFIED, SEVERITY_ERROR, "no vendor has certified this host yet");
	if (o->catalog->n_licenses == 0)
		add(o, E_LICENSE_MISSING, SEVERITY_ERROR, "no license is installed");
	check_licenses(o, now);
	for (size_t i = 0; i < o->n_grants; i++)
		check_grant(o, &o->grants[i], now);
	check_dns(o, settings->dns);
	health_host(o, settings->health, settings->counters, started, now, add);
	o->state = state_of(o);
}

int overview_gather(struct exchange *x, struct overview **ret)
{
	struct overview *o = calloc(1, sizeof(*o));
	struct listing grants = {.kind = LIST_GRANT, .now = x->now};
	struct listing meta = {.kind = LIST_META};
	struct listing skew = {.kind = LIST_SKEW};
	struct listing audit = {.kind = LIST_AUDIT_END};
	struct gathering g = {o, x->now};
	if (!o)
		return E_NO_MEMORY;
	o->host = x->admin->settings.broker->key->id;
	int error = exchange_catalog(x, &o->catalog);
	if (!error)
		error = store_page(x->admin->reader, &grants, take_grant, &g);
	if (!error)
		error = store_devices(x->admin->reader, &o->devices);
	if (!error)
		error = store_page(x->admin->reader, &meta, take_meta, o);
	if (!error)
		error = store_page(x->admin->reader, &skew, take_skew, o);
	if (!error)
		error = store_page(x->admin->reader, &audit, take_audit_end, o);
	if (error) {
		free(o);
		return error;
	}
	o->contact_at = atomic_load(&x->admin->settings.counters->contact_at);
	surroundings_look(x->admin->settings.state_dir, x->admin->settings.store_path, &o->surroundings);
	check_all(o, &x->admin->settings, x->admin->started, x->now);
	*ret = o;
	return 0;
}

json_t *overview_health(const struct overview *o)
{
	json_t *items = json_array();
	for (size_t i = 0; i < o->n_health; i++) {
		const struct health_item *item = &o->health[i];
		json_array_append_new(items,
				      json_pack("{s:s, s:s, s:s, s:s, s:s?}", "code", error_name(item->code),
						"severity", severity_name(item->severity), "message",
						item->message, "remedy", item->remedy, "next", item->next));
	}
	return items;
}
