/* SPDX-License-Identifier: Apache-2.0 */
/* Listings and checks: the half of the SQLite store that only reads. */
#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "day.h"
#include "error.h"
#include "sqlite_handle.h"

static const char *text(sqlite3_stmt *stmt, int column)
{
	const char *value = (const char *)sqlite3_column_text(stmt, column);
	return value ? value : "";
}

/* A blob of a fixed size, or zero bytes when the row is damaged. */
static const uint8_t *fixed(sqlite3_stmt *stmt, int column, int n)
{
	static const uint8_t zero[DEVICE_ID > AUDIT_HASH ? DEVICE_ID : AUDIT_HASH];
	return sqlite3_column_bytes(stmt, column) == n ? sqlite3_column_blob(stmt, column) : zero;
}

static void read_meta(sqlite3_stmt *stmt, const struct listing *l, struct row *row)
{
	(void)l;
	row->u.meta.key = text(stmt, 0);
	row->u.meta.bytes = sqlite3_column_blob(stmt, 1);
	row->u.meta.n = (size_t)sqlite3_column_bytes(stmt, 1);
}

static void read_signed(sqlite3_stmt *stmt, const struct listing *l, struct row *row)
{
	(void)l;
	row->u.signed_file.vendor = text(stmt, 0);
	row->u.signed_file.license = text(stmt, 1);
	row->u.signed_file.vendor_key = text(stmt, 2);
	row->u.signed_file.token = text(stmt, 3);
	row->u.signed_file.serial = sqlite3_column_int64(stmt, 4);
	row->u.signed_file.installed = sqlite3_column_int64(stmt, 5);
}

static void read_grant(sqlite3_stmt *stmt, const struct listing *l, struct row *row)
{
	(void)l;
	row->cursor[0] = row->u.grant.num = sqlite3_column_int64(stmt, 0);
	row->u.grant.vendor = text(stmt, 1);
	row->u.grant.license = text(stmt, 2);
	row->u.grant.id = text(stmt, 3);
	row->u.grant.product = text(stmt, 4);
	row->u.grant.window_days = sqlite3_column_int(stmt, 5);
	row->u.grant.reached = sqlite3_column_int64(stmt, 6);
	row->u.grant.below_since = sqlite3_column_int64(stmt, 7);
	row->u.grant.count = sqlite3_column_int64(stmt, 8);
	row->u.grant.active = sqlite3_column_int64(stmt, 9);
}

static void read_device(sqlite3_stmt *stmt, const struct listing *l, struct row *row)
{
	(void)l;
	row->cursor[0] = row->u.device.num = sqlite3_column_int64(stmt, 0);
	row->u.device.id = fixed(stmt, 1, DEVICE_ID);
	row->u.device.hostname = text(stmt, 2);
	row->u.device.os = text(stmt, 3);
	row->u.device.agent = text(stmt, 4);
	row->u.device.first_seen = sqlite3_column_int64(stmt, 5);
	row->u.device.last_seen = sqlite3_column_int64(stmt, 6);
	row->u.device.blocked = sqlite3_column_int(stmt, 7) != 0;
	row->u.device.licensed = sqlite3_column_int(stmt, 8) != 0;
}

static void read_activation(sqlite3_stmt *stmt, const struct listing *l, struct row *row)
{
	struct holding *h = &row->u.activation.holding;
	row->cursor[0] = sqlite3_column_int64(stmt, 0);
	row->cursor[1] = row->u.activation.grant = sqlite3_column_int64(stmt, 1);
	row->u.activation.id = fixed(stmt, 2, DEVICE_ID);
	row->u.activation.hostname = text(stmt, 3);
	h->state = (enum holding_state)sqlite3_column_int(stmt, 4);
	h->activated = sqlite3_column_int64(stmt, 5);
	h->renewed = sqlite3_column_int64(stmt, 6);
	h->contacted = sqlite3_column_int64(stmt, 7);
	h->expires = sqlite3_column_int64(stmt, 8);
	h->serial = sqlite3_column_int64(stmt, 9);
	h->plans = (uint32_t)sqlite3_column_int64(stmt, 10);
	row->u.activation.state = store_holding_state(h, l->now);
}

static void read_audit(sqlite3_stmt *stmt, const struct listing *l, struct row *row)
{
	(void)l;
	row->cursor[0] = row->u.audit.seq = sqlite3_column_int64(stmt, 0);
	row->u.audit.audit.at = sqlite3_column_int64(stmt, 1);
	row->u.audit.audit.actor = text(stmt, 2);
	row->u.audit.audit.action = text(stmt, 3);
	row->u.audit.audit.object = text(stmt, 4);
	row->u.audit.audit.detail = text(stmt, 5);
	row->u.audit.hash = fixed(stmt, 6, AUDIT_HASH);
}

static void read_daily(sqlite3_stmt *stmt, const struct listing *l, struct row *row)
{
	(void)l;
	row->cursor[0] = row->u.daily.day = sqlite3_column_int(stmt, 0);
	row->u.daily.what = text(stmt, 1);
	row->u.daily.grant = sqlite3_column_int64(stmt, 2);
	row->u.daily.n = sqlite3_column_int64(stmt, 3);
}

static const struct {
	enum statement statement;
	void (*read)(sqlite3_stmt *, const struct listing *, struct row *);
} kinds[] = {
	[LIST_META] = {STMT_LIST_META, read_meta},
	[LIST_LICENSE] = {STMT_LIST_LICENSE, read_signed},
	[LIST_CERTIFICATE] = {STMT_LIST_CERTIFICATE, read_signed},
	[LIST_GRANT] = {STMT_LIST_GRANT, read_grant},
	[LIST_DEVICE] = {STMT_LIST_DEVICE, read_device},
	[LIST_ACTIVATION] = {STMT_LIST_ACTIVATION, read_activation},
	[LIST_AUDIT] = {STMT_LIST_AUDIT, read_audit},
	[LIST_DAILY] = {STMT_LIST_DAILY, read_daily},
};

/* Parameters by number; a statement that lacks one ignores it (SQLite answers RANGE, which does not matter
 * here). */
static void bind_listing(sqlite3_stmt *stmt, const struct listing *l)
{
	sqlite3_bind_int64(stmt, 1, l->after[0]);
	sqlite3_bind_int64(stmt, 2, l->after[1]);
	sqlite3_bind_int64(stmt, 3, l->kind == LIST_GRANT ? day_of(l->now) : l->now);
	sqlite3_bind_int64(stmt, 4, l->device);
	if (l->kind == LIST_ACTIVATION) {
		sqlite3_bind_text(stmt, 5, l->product, -1, SQLITE_STATIC);
		sqlite3_bind_text(stmt, 6, l->state, -1, SQLITE_STATIC);
		sqlite3_bind_int64(stmt, 7, l->expires_before);
	} else if (l->tag_to) {
		sqlite3_bind_int64(stmt, 5, l->tag_from);
		sqlite3_bind_int64(stmt, 6, l->tag_to);
	}
	sqlite3_bind_int64(stmt, 9, l->limit ? l->limit : -1);
}

int sqlite_page(struct store *store, const struct listing *l, row_function *callback, void *context)
{
	struct sqlite_store *s = (struct sqlite_store *)store;
	bool by_tag = l->kind == LIST_DEVICE && l->tag_to;
	sqlite3_stmt *stmt = sqlite_statement(s, by_tag ? STMT_LIST_DEVICE_TAG : kinds[l->kind].statement);
	if (!stmt)
		return sqlite_error(s);
	bind_listing(stmt, l);
	int result;
	int stopped = 0;
	while (!stopped && (result = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct row row = {0};
		kinds[l->kind].read(stmt, l, &row);
		stopped = callback(&row, context);
	}
	int error = stopped ? stopped : result == SQLITE_DONE ? 0 : sqlite_error(s);
	sqlite3_reset(stmt);
	return error;
}

int sqlite_devices(struct store *store, int64_t *ret)
{
	struct sqlite_store *s = (struct sqlite_store *)store;
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_DEVICES);
	if (!stmt)
		return sqlite_error(s);
	int error = sqlite3_step(stmt) == SQLITE_ROW ? 0 : sqlite_error(s);
	if (!error)
		*ret = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return error;
}

/* --- check --- */

static int check_integrity(struct sqlite_store *s, finding_function *finding, void *context)
{
	sqlite3_stmt *stmt = NULL;
	if (sqlite3_prepare_v2(s->db, "PRAGMA integrity_check(20)", -1, &stmt, NULL) != SQLITE_OK)
		return sqlite_error(s);
	int result;
	while ((result = sqlite3_step(stmt)) == SQLITE_ROW)
		if (strcmp(text(stmt, 0), "ok") != 0)
			finding(E_STORE_CORRUPT, text(stmt, 0), context);
	sqlite3_finalize(stmt);
	return result == SQLITE_DONE ? 0 : sqlite_error(s);
}

static int check_counts(struct sqlite_store *s, finding_function *finding, void *context)
{
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_CHECK_COUNTS);
	if (!stmt)
		return sqlite_error(s);
	int result;
	while ((result = sqlite3_step(stmt)) == SQLITE_ROW) {
		char line[160];
		snprintf(line, sizeof(line), "%s: grant %lld, kind %d, day %d has %lld", text(stmt, 0),
			 (long long)sqlite3_column_int64(stmt, 1), sqlite3_column_int(stmt, 2),
			 sqlite3_column_int(stmt, 3), (long long)sqlite3_column_int64(stmt, 4));
		finding(E_COUNT_BROKEN, line, context);
	}
	sqlite3_reset(stmt);
	return result == SQLITE_DONE ? 0 : sqlite_error(s);
}

struct chain_check {
	struct audit_chain chain;
	finding_function *finding;
	void *context;
};

static int check_link(const struct row *row, void *context)
{
	struct chain_check *c = context;
	char line[80];
	if (audit_follows(&c->chain, row->u.audit.seq, &row->u.audit.audit, row->u.audit.hash))
		return 0;
	snprintf(line, sizeof(line), "audit row %lld", (long long)row->u.audit.seq);
	c->finding(E_AUDIT_BROKEN, line, c->context);
	return E_AUDIT_BROKEN;
}

int sqlite_check(struct store *store, int64_t now, finding_function *finding, void *context)
{
	struct sqlite_store *s = (struct sqlite_store *)store;
	struct listing all = {.kind = LIST_AUDIT, .now = now};
	struct chain_check chain = {.finding = finding, .context = context};
	int error = check_integrity(s, finding, context);
	if (!error)
		error = check_counts(s, finding, context);
	if (!error)
		error = sqlite_page(store, &all, check_link, &chain);
	return error == E_AUDIT_BROKEN ? 0 : error;
}
