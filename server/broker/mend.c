/* SPDX-License-Identifier: Apache-2.0 */
#include "mend.h"

#include <stdio.h>
#include <string.h>

#include "broker.h"
#include "day.h"
#include "error.h"
#include "rfc3339.h"
#include "store.h"

/* --- telling --- */

static const char *const buckets[] = {"contacts", "leases", "devices", "seats", "waiting"};

/* "cad-volume: contacts of 2026-01-05 were 4, are 3" */
static void write_count(const struct mended *m, char out[160])
{
	char time[RFC3339_TEXT];
	bool known = m->bucket >= 0 && m->bucket < (int32_t)(sizeof(buckets) / sizeof(buckets[0]));
	const char *kind = known ? buckets[m->bucket] : "unknown";
	bool dated = m->bucket == BUCKET_CONTACT || m->bucket == BUCKET_LEASE;
	if (dated && m->day != BUCKET_FOREVER)
		rfc3339_write((int64_t)m->day * DAY_SECONDS, time)[10] = 0;
	else
		strcpy(time, dated ? "without end" : "");
	snprintf(out, 160, "%s%s%s%s%s: %lld, by the rows %lld", m->bucket == BUCKET_DEVICES ? "" : m->what,
		 m->bucket == BUCKET_DEVICES ? "" : ", ", kind, *time ? " " : "", time, (long long)m->had,
		 (long long)m->is);
}

void mend_take(const struct mended *m, void *context)
{
	struct mending *all = context;
	switch (m->kind) {
	case MEND_INDEXES:
		all->indexes = true;
		return;
	case MEND_ORPHANS:
		if (all->n_orphans == MEND_TABLES)
			return;
		snprintf(all->orphans[all->n_orphans].table, sizeof(all->orphans[0].table), "%s", m->what);
		all->orphans[all->n_orphans++].rows = m->rows;
		return;
	case MEND_COUNT:
		all->counts++;
		if (all->n_lines < MEND_LINES)
			write_count(m, all->lines[all->n_lines++].text);
		return;
	}
}

bool mend_empty(const struct mending *m)
{
	return !m->indexes && !m->counts && !m->n_orphans;
}

/* details: taken over. */
static bool add(json_t *rows, const char *what, const char *table, int64_t before, bool done,
		const char *message, json_t *details)
{
	json_t *row =
		json_pack("{s:s, s:s, s:I, s:I, s:s}", "what", what, "table", table, "before",
			  (json_int_t)before, "after", (json_int_t)(done ? 0 : before), "message", message);
	if (json_object_set_new(row, "details", details)) {
		json_decref(row);
		return false;
	}
	return json_array_append_new(rows, row) == 0;
}

static json_t *tell_counts(const struct mending *m)
{
	json_t *lines = json_array();
	for (size_t i = 0; i < m->n_lines; i++) {
		if (json_array_append_new(lines, json_string(m->lines[i].text)) == 0)
			continue;
		json_decref(lines);
		return NULL;
	}
	return lines;
}

json_t *mend_json(const struct mending *m, int64_t before, bool done)
{
	json_t *rows = json_array();
	bool made = rows != NULL;
	if (made && m->indexes)
		made = add(rows, "indexes", "", before, done, "the indexes are made anew from their tables",
			   json_array());
	for (size_t i = 0; i < m->n_orphans && made; i++)
		made = add(rows, "orphans", m->orphans[i].table, m->orphans[i].rows, done,
			   "rows whose device, user or group is gone are taken out", json_array());
	if (made && m->counts)
		made = add(rows, "counts", "", m->counts, done,
			   "counts are made anew from the activations, seats and devices", tell_counts(m));
	if (made)
		return rows;
	json_decref(rows);
	return NULL;
}

/* --- on the lane --- */

static int mend_and_audit(struct broker *b, struct job *job, int64_t now)
{
	int error = store_mend(b->store, job->indexes, mend_take, job->mending);
	if (error || mend_empty(job->mending))
		return error;
	return broker_audit(b, now, job->actor, "store.repaired", b->key->id,
			    json_pack("{s:o, s:s}", "repairs", mend_json(job->mending, job->event_time, true),
				      "request", job->correlation));
}

/* Damage that shows only here is the job's own outcome: the daemon goes on as before. */
int mend_run(struct broker *b, struct job *job, int64_t now)
{
	memset(job->mending, 0, sizeof(*job->mending));
	int error = store_mark(b->store);
	if (error)
		return error;
	error = mend_and_audit(b, job, now);
	if (error && error != E_STORE_CORRUPT && error != E_INTERNAL)
		return error;
	job->code = error;
	return error || job->dry_run ? store_undo(b->store) : store_keep(b->store);
}

void mend_done(struct broker *b)
{
	b->peaks.day = 0;
	b->replays_counted = false;
}
