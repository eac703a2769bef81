/* SPDX-License-Identifier: Apache-2.0 */
#include "repair.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "jsontext.h"
#include "mend.h"
#include "place.h"
#include "store.h"
#include "store_file.h"

struct repairing {
	const struct repair_order *order;
	struct salvage found;
	struct mending mending;
	char kept[PATH_MAX]; /* the damaged file's new name; "": it stays */
	bool needed;
	bool done;
	json_t *left;   /* what the new database is still told of */
	int broken;     /* a finding that it must not have */
	bool no_memory; /* a finding could not be told */
	char *detail;
};

/* --- telling --- */

static json_t *tell_table(const struct table_found *t)
{
	json_t *row = json_pack("{s:s, s:s, s:I}", "table", t->name, "part", salvage_part(t->part), "read",
				(json_int_t)t->read);
	if (json_object_set_new(row, "lost", t->lost < 0 ? json_null() : json_integer(t->lost)) == 0)
		return row;
	json_decref(row);
	return NULL;
}

/* Each is NULL when memory ran out, and never a part. */
static json_t *tell_tables(const struct salvage *found)
{
	json_t *rows = json_array();
	for (size_t i = 0; rows && i < found->n_tables; i++) {
		if (!found->tables[i].damaged ||
		    json_array_append_new(rows, tell_table(&found->tables[i])) == 0)
			continue;
		json_decref(rows);
		return NULL;
	}
	return rows;
}

static json_t *tell_faults(const struct salvage *found)
{
	json_t *lines = json_array();
	for (size_t i = 0; lines && i < found->n_lines; i++) {
		if (json_array_append_new(lines, json_string(found->lines[i])) == 0)
			continue;
		json_decref(lines);
		return NULL;
	}
	return lines;
}

/* "activation: 120 rows read, 7 lost; meta: ..." */
static void write_lost(const struct salvage *found, char detail[BACKUP_DETAIL])
{
	size_t used = 0;
	detail[0] = 0;
	for (size_t i = 0; i < found->n_tables && used < BACKUP_DETAIL; i++) {
		const struct table_found *t = &found->tables[i];
		char lost[32] = "an unknown number";
		if (!t->damaged || (t->part != PART_FACTS && !(t->part == PART_LOG && t->end_lost)))
			continue;
		if (t->lost >= 0)
			snprintf(lost, sizeof(lost), "%lld", (long long)t->lost);
		used += (size_t)snprintf(detail + used, BACKUP_DETAIL - used, "%s%s: %lld rows read, %s lost",
					 used ? "; " : "", t->name, (long long)t->read, lost);
	}
	if (!used)
		snprintf(detail, BACKUP_DETAIL, "damage whose place nobody can tell: %.180s",
			 found->n_lines ? found->lines[0] : "");
}

static json_t *report(struct repairing *p)
{
	const struct {
		const char *key;
		json_t *value;
	} members[] = {{"faults", json_integer(p->found.faults)},
		       {"damage", tell_faults(&p->found)},
		       {"tables", tell_tables(&p->found)},
		       {"repairs", mend_json(&p->mending, p->found.index_faults, p->done)},
		       {"left", json_incref(p->left)},
		       {"kept", p->kept[0] ? json_string(p->kept) : json_null()}};
	json_t *o = json_pack("{s:i, s:b, s:b, s:b, s:s}", "schema", 1, "dry_run", p->order->dry_run,
			      "needed", p->needed, "repaired", p->done, "database", p->order->database);
	bool made = o != NULL;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		made &= json_object_set_new(o, members[i].key, members[i].value) == 0;
	if (made)
		return o;
	json_decref(o);
	return NULL;
}

/* --- the new database --- */

static int audit(struct repairing *p, struct store *store)
{
	json_t *what = json_pack("{s:I}", "faults", (json_int_t)p->found.faults);
	bool made = json_object_set_new(what, "tables", tell_tables(&p->found)) == 0 &&
		    json_object_set_new(what, "repairs",
					mend_json(&p->mending, p->found.index_faults, true)) == 0;
	char *text = made ? jsontext_write(what, JSON_COMPACT) : NULL;
	json_decref(what);
	if (!text)
		return E_NO_MEMORY;
	struct effect row = {.kind = EFFECT_AUDIT,
			     .at = p->order->now,
			     .u.audit = {p->order->now, p->order->actor, "store.repaired", "database", text}};
	int error = store_apply(store, &row);
	free(text);
	return error;
}

static int mend(struct repairing *p, struct store *store)
{
	int error = store_begin(store);
	if (error)
		return error;
	error = store_mend(store, false, mend_take, &p->mending);
	p->mending.indexes = p->found.index_faults > 0;
	p->needed = p->found.faults || !mend_empty(&p->mending);
	for (size_t i = 0; i < p->found.n_tables; i++)
		p->needed |= p->found.tables[i].damaged;
	if (!error && p->needed)
		error = audit(p, store);
	if (!error)
		return store_commit(store);
	store_rollback(store);
	return error;
}

/* What the audit log has lost stays lost, and is told of from now on. */
static void take_finding(int code, const char *text, void *context)
{
	struct repairing *p = context;
	bool of_log = code == E_AUDIT_BROKEN || code == E_AUDIT_CHECKPOINT;
	if (!of_log && !p->broken) {
		p->broken = code;
		snprintf(p->detail, BACKUP_DETAIL, "made anew, and still %s: %.180s", error_name(code), text);
	}
	json_array_append_new(p->left, json_pack("{s:s, s:s, s:s}", "check", error_name(code), "message",
						 text, "remedy", error_row(code)->remedy));
}

static int make(struct repairing *p, const char *fresh)
{
	char url[PATH_MAX + 32];
	struct store *store;
	int error = store_salvage(p->order->database, fresh, &p->found);
	if (error)
		return error;
	if (!salvage_whole(&p->found)) {
		write_lost(&p->found, p->detail);
		return E_STORE_LOST;
	}
	snprintf(url, sizeof(url), "sqlite:%s", fresh);
	error = place_sync(fresh);
	if (!error)
		error = store_open(url, &store);
	if (error)
		return error;
	error = mend(p, store);
	if (!error)
		error = store_check(store, p->order->now, take_finding, p);
	store_close(store);
	if (!error && p->no_memory)
		error = E_NO_MEMORY;
	if (!error && p->broken)
		error = E_STORE_LOST;
	if (!error)
		error = store_file_settle(fresh);
	return error ? error : place_sync(fresh);
}

static int put_in_place(struct repairing *p, const char *fresh)
{
	place_dated(p->order->database, "before-repair", p->order->now, p->kept, sizeof(p->kept));
	int error = place_swap(fresh, p->order->database, p->kept);
	char log[PATH_MAX + 8];
	char lock[PATH_MAX + 8];
	snprintf(log, sizeof(log), "%s-wal", p->kept);
	snprintf(lock, sizeof(lock), "%s/lock", p->order->folder);
	const char *const all[] = {p->order->database, p->kept, log, lock};
	place_give(p->order->folder, all, sizeof(all) / sizeof(all[0]));
	p->done = !error;
	return error;
}

static int run(struct repairing *p)
{
	char fresh[PATH_MAX];
	if (snprintf(fresh, sizeof(fresh), "%s.repairing", p->order->database) >= (int)sizeof(fresh))
		return E_CANNOT_CREATE;
	int error = place_finish(p->order->database);
	place_remove(fresh);
	if (!error)
		error = make(p, fresh);
	if (!error && p->needed && !p->order->dry_run)
		error = put_in_place(p, fresh);
	place_remove(fresh);
	return error;
}

int repair_run(const struct repair_order *order, json_t **ret_json, char detail[BACKUP_DETAIL])
{
	struct repairing *p = calloc(1, sizeof(*p));
	*ret_json = NULL;
	if (!p)
		return E_NO_MEMORY;
	p->order = order;
	p->detail = detail;
	p->left = json_array();
	int error = p->left ? run(p) : E_NO_MEMORY;
	if (!error || error == E_STORE_LOST)
		*ret_json = report(p);
	if (error == E_STORE_LOST && !*ret_json)
		error = E_NO_MEMORY;
	json_decref(p->left);
	free(p);
	return error;
}
