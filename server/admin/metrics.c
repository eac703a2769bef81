/* SPDX-License-Identifier: Apache-2.0 */
/* Prometheus text (exposition format 0.0.4): the counters of counters.def, and gauges of what the store
 * knows. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns_view.h"
#include "error.h"
#include "lane.h"
#include "status.h"
#include "surroundings.h"

static const struct {
	size_t offset;
	const char *kind;
	const char *metric;
	const char *label;
	const char *help;
} rows[] = {
#define COUNTER(field, kind, metric, label, help)                                                            \
	{offsetof(struct counters, field), kind, metric, label, help},
#include "counters.def"
#undef COUNTER
};

static void head(FILE *out, const char *metric, const char *kind, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", metric, help, metric, kind);
}

static void write_counters(FILE *out, const struct counters *counters)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const atomic_llong *value = (const atomic_llong *)((const char *)counters + rows[i].offset);
		if (i == 0 || strcmp(rows[i].metric, rows[i - 1].metric) != 0)
			head(out, rows[i].metric, rows[i].kind, rows[i].help);
		fprintf(out, rows[i].label[0] ? "%s{%s} %lld\n" : "%s%s %lld\n", rows[i].metric,
			rows[i].label, atomic_load(value));
	}
}

static const struct {
	size_t offset;
	const char *metric;
	const char *label;
	const char *help;
} durations[] = {
#define HISTOGRAM(field, metric, label, help) {offsetof(struct counters, took.field), metric, label, help},
#include "histograms.def"
#undef HISTOGRAM
};

static void write_histogram(FILE *out, const char *metric, const char *label, const struct histogram *h)
{
	const char *comma = label[0] ? "," : "";
	long long n = 0;
	for (int i = 0; i <= HISTOGRAM_ENDS; i++) {
		n += atomic_load(&h->buckets[i]);
		fprintf(out, "%s_bucket{%s%sle=\"%s\"} %lld\n", metric, label, comma, histogram_end(i), n);
	}
	const char *open = label[0] ? "{" : "";
	const char *close = label[0] ? "}" : "";
	fprintf(out, "%s_sum%s%s%s %.6f\n", metric, open, label, close, (double)atomic_load(&h->sum) / 1e6);
	fprintf(out, "%s_count%s%s%s %lld\n", metric, open, label, close, n);
}

static void write_durations(FILE *out, const struct counters *counters)
{
	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
		if (i == 0 || strcmp(durations[i].metric, durations[i - 1].metric) != 0)
			head(out, durations[i].metric, "histogram", durations[i].help);
		write_histogram(out, durations[i].metric, durations[i].label,
				(const struct histogram *)((const char *)counters + durations[i].offset));
	}
}

/* What is not known is left out. */
static void write_number(FILE *out, const char *metric, const char *kind, const char *help, double value)
{
	if (value < 0)
		return;
	head(out, metric, kind, help);
	fprintf(out, "%s %.15g\n", metric, value);
}

static void write_surroundings(FILE *out, const struct overview *o)
{
	const struct surroundings *s = &o->surroundings;
	write_number(out, "process_cpu_seconds_total", "counter", "Processor time of the daemon.",
		     s->cpu_seconds);
	write_number(out, "process_start_time_seconds", "gauge", "When the process began, in Unix time.",
		     s->started);
	write_number(out, "process_resident_memory_bytes", "gauge", "Memory in use.",
		     (double)s->resident_bytes);
	write_number(out, "process_open_fds", "gauge", "Open file descriptors.", (double)s->open_fds);
	write_number(out, "process_max_fds", "gauge", "File descriptors allowed.", (double)s->max_fds);
	write_number(out, "muster_store_size_bytes", "gauge", "Size of the database.",
		     (double)s->store_bytes);
	write_number(out, "muster_store_wal_bytes", "gauge", "Size of the database's write-ahead log.",
		     (double)s->wal_bytes);
	write_number(out, "muster_state_free_bytes", "gauge", "Free space of the state folder's disk.",
		     (double)s->disk_free_bytes);
	write_number(out, "muster_state_size_bytes", "gauge", "Size of the state folder's disk.",
		     (double)s->disk_size_bytes);
	write_number(out, "muster_backup_last_success_timestamp_seconds", "gauge",
		     "When the last good backup was made, in Unix time; 0: never.", (double)o->backup_at);
	write_number(out, "muster_last_contact_timestamp_seconds", "gauge",
		     "When a device was last served, in Unix time; 0: not since the start.",
		     (double)o->contact_at);
}

static void write_health(FILE *out, const struct overview *o)
{
	static const enum severity severities[] = {SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_ERROR};
	head(out, "muster_health_findings", "gauge", "Findings of 'musterctl status', by severity.");
	for (size_t i = 0; i < 3; i++) {
		size_t n = 0;
		for (size_t j = 0; j < o->n_health; j++)
			n += o->health[j].severity == severities[i];
		fprintf(out, "muster_health_findings{severity=\"%s\"} %zu\n", severity_name(severities[i]),
			n);
	}
}

/* One row for each code of errors.def that has occurred. */
static void write_codes(FILE *out, const char *metric, const char *help,
			const atomic_llong codes[COUNTERS_CODES])
{
	size_t n;
	const struct error_row *table = error_table(&n);
	head(out, metric, "counter", help);
	for (size_t i = 0; i < n; i++) {
		long long value = atomic_load(&codes[table[i].number]);
		if (value)
			fprintf(out, "%s{reason=\"%s\"} %lld\n", metric, table[i].name, value);
	}
}

/* A gauge with one row a grant; ids are slugs, so they need no escaping. */
static void write_grants(FILE *out, const struct overview *o, const char *metric, const char *help,
			 int64_t (*value)(const struct grant_now *))
{
	head(out, metric, "gauge", help);
	for (size_t i = 0; i < o->n_grants; i++) {
		const struct grant_now *g = &o->grants[i];
		fprintf(out, "%s{product=\"%s\",license=\"%s\",grant=\"%s\"} %" PRId64 "\n", metric,
			g->grant.grant->product, g->grant.license->license.id, g->grant.grant->id, value(g));
	}
}

static int64_t grant_count(const struct grant_now *g)
{
	return g->count;
}

static int64_t grant_active(const struct grant_now *g)
{
	return g->active;
}

static int64_t grant_threshold(const struct grant_now *g)
{
	return g->grant.grant->policy.threshold;
}

static int64_t grant_seats(const struct grant_now *g)
{
	return g->seats;
}

static int64_t grant_quantity(const struct grant_now *g)
{
	return g->terms.quantity;
}

static int64_t grant_expiry(const struct grant_now *g)
{
	return g->terms.end;
}

static void write_gauges(FILE *out, struct exchange *x, const struct overview *o)
{
	head(out, "muster_build_info", "gauge", "The version, as a label.");
	fprintf(out, "muster_build_info{version=\"%s\"} 1\n", MUSTER_VERSION);
	head(out, "muster_start_time_seconds", "gauge", "When the daemon started, in Unix time.");
	fprintf(out, "muster_start_time_seconds %" PRId64 "\n", x->admin->started);
	head(out, "muster_devices", "gauge", "Devices on record.");
	fprintf(out, "muster_devices %" PRId64 "\n", o->devices);
	head(out, "muster_audit_rows_total", "counter",
	     "Rows ever written to the audit log: the number of its last.");
	fprintf(out, "muster_audit_rows_total %" PRId64 "\n", o->audit_rows);
	head(out, "muster_devices_clock_skewed", "gauge",
	     "Devices whose clock is more than 5 minutes off, counted up to 10,000.");
	fprintf(out, "muster_devices_clock_skewed{direction=\"ahead\"} %" PRId64 "\n", o->skew.ahead);
	fprintf(out, "muster_devices_clock_skewed{direction=\"behind\"} %" PRId64 "\n", o->skew.behind);
	head(out, "muster_store_queue_length", "gauge", "Jobs that wait for the store.");
	fprintf(out, "muster_store_queue_length %zu\n", lane_depth(x->admin->settings.lane));
	write_grants(out, o, "muster_grant_devices", "Devices in the grant's counting window.", grant_count);
	write_grants(out, o, "muster_grant_threshold", "Devices that the grant needs.", grant_threshold);
	write_grants(out, o, "muster_grant_leases", "Leases of the grant in force.", grant_active);
	write_grants(out, o, "muster_grant_seats", "Seats of the grant that are assigned.", grant_seats);
	write_grants(out, o, "muster_grant_quantity", "Quantity of the grant; 0: none.", grant_quantity);
	write_grants(out, o, "muster_grant_expiry_timestamp_seconds", "End of the grant in Unix time.",
		     grant_expiry);
}

static void write_dns(FILE *out, struct watch *dns)
{
	struct watch_report *report;
	if (watch_report(dns, &report))
		return;
	dns_view_metrics(out, watch_settings(dns), report);
	watch_report_free(report);
}

void metrics_show(struct exchange *x)
{
	struct overview *o;
	char *text = NULL;
	size_t n;
	int error = overview_gather(x, &o);
	FILE *out = error ? NULL : open_memstream(&text, &n);
	if (!out) {
		exchange_problem(x, error ? error : E_NO_MEMORY, NULL);
		return;
	}
	write_gauges(out, x, o);
	write_surroundings(out, o);
	write_health(out, o);
	write_counters(out, x->admin->settings.counters);
	write_durations(out, x->admin->settings.counters);
	write_codes(out, "muster_refusals_total", "Products refused, by code.",
		    x->admin->settings.counters->refusals);
	write_codes(out, "muster_connection_faults_total", "Connections closed because of a fault, by code.",
		    x->admin->settings.counters->closures);
	write_dns(out, x->admin->settings.dns);
	bool whole = !ferror(out);
	whole &= fclose(out) == 0;
	free(o);
	if (!whole) {
		free(text);
		text = NULL;
	}
	exchange_text(x, "text/plain; version=0.0.4; charset=utf-8", text);
}
