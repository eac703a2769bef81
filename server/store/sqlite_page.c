/* SPDX-License-Identifier: Apache-2.0 */
/* Listings and checks: the half of the SQLite store that only reads. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void sqlite_copy_bytes(sqlite3_stmt *stmt, int column, void *out, size_t n)
{
	const void *bytes = sqlite3_column_blob(stmt, column);
	if (bytes && (size_t)sqlite3_column_bytes(stmt, column) == n)
		memcpy(out, bytes, n);
}

void sqlite_read_holding(sqlite3_stmt *stmt, struct holding *ret)
{
	*ret = (struct holding){
		.state = (enum holding_state)sqlite3_column_int(stmt, 0),
		.activated = sqlite3_column_int64(stmt, 1),
		.renewed = sqlite3_column_int64(stmt, 2),
		.contacted = sqlite3_column_int64(stmt, 3),
		.expires = sqlite3_column_int64(stmt, 4),
		.serial = sqlite3_column_int64(stmt, 5),
		.plans = (uint32_t)sqlite3_column_int64(stmt, 6),
		.units = (uint32_t)sqlite3_column_int64(stmt, 7),
	};
}

void sqlite_read_marks(sqlite3_stmt *stmt, int column, struct grant_marks *ret)
{
	*ret = (struct grant_marks){
		.reached = sqlite3_column_int64(stmt, column),
		.below_since = sqlite3_column_int64(stmt, column + 1),
		.cancelled = sqlite3_column_int64(stmt, column + 2),
		.taken_over = sqlite3_column_int64(stmt, column + 3),
		.over_since = sqlite3_column_int64(stmt, column + 4),
		.warned = sqlite3_column_int64(stmt, column + 5),
		.extra = sqlite3_column_int64(stmt, column + 6),
		.extended = sqlite3_column_int64(stmt, column + 7),
	};
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
	sqlite_read_marks(stmt, 6, &row->u.grant.marks);
	row->u.grant.count = sqlite3_column_int64(stmt, 14);
	row->u.grant.active = sqlite3_column_int64(stmt, 15);
	row->u.grant.seats = sqlite3_column_int64(stmt, 16);
	row->u.grant.waiting = sqlite3_column_int64(stmt, 17);
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
	row->u.device.shared = sqlite3_column_int(stmt, 8) != 0;
	row->u.device.approved = sqlite3_column_int(stmt, 9) != 0;
	row->u.device.skew = sqlite3_column_int64(stmt, 10);
	row->u.device.forked_from =
		sqlite3_column_type(stmt, 11) == SQLITE_NULL ? NULL : fixed(stmt, 11, DEVICE_ID);
	row->u.device.licensed = sqlite3_column_int(stmt, 12) != 0;
}

static void read_activation(sqlite3_stmt *stmt, const struct listing *l, struct row *row)
{
	sqlite_read_holding(stmt, &row->u.activation.holding);
	row->cursor[0] = row->u.activation.num = sqlite3_column_int64(stmt, 8);
	row->cursor[1] = row->u.activation.grant = sqlite3_column_int64(stmt, 9);
	row->cursor[2] = row->u.activation.user = sqlite3_column_int64(stmt, 10);
	row->u.activation.id = fixed(stmt, 11, DEVICE_ID);
	row->u.activation.hostname = text(stmt, 12);
	row->u.activation.shared = sqlite3_column_int(stmt, 13) != 0;
	row->u.activation.user_name = text(stmt, 14);
	row->u.activation.state = store_holding_state(&row->u.activation.holding, l->now);
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

static void read_source(sqlite3_stmt *stmt, const struct listing *l, struct row *row)
{
	(void)l;
	sqlite_record_read(stmt, 0, RECORD_ASSIGNMENT, &row->u.source.record);
	row->u.source.group = text(stmt, 7);
	row->u.source.circle = sqlite3_column_int64(stmt, 8);
}

static void read_holder(sqlite3_stmt *stmt, const struct listing *l, struct row *row)
{
	(void)l;
	row->u.member.kind = (enum member_kind)sqlite3_column_int(stmt, 0);
	row->u.member.num = sqlite3_column_int64(stmt, 1);
}

static void read_seat(sqlite3_stmt *stmt, const struct listing *l, struct row *row)
{
	(void)l;
	sqlite_record_read(stmt, 0, RECORD_SEAT, &row->u.record);
}

static void read_tagged(sqlite3_stmt *stmt, const struct listing *l, struct row *row)
{
	(void)l;
	row->u.device_num = sqlite3_column_int64(stmt, 0);
}

static void read_stale(sqlite3_stmt *stmt, const struct listing *l, struct row *row)
{
	(void)l;
	row->cursor[0] = sqlite3_column_int64(stmt, 0);
	row->u.device_num = sqlite3_column_int(stmt, 1) ? row->cursor[0] : 0;
}

static void read_history(sqlite3_stmt *stmt, const struct listing *l, struct row *row)
{
	(void)l;
	row->cursor[0] = row->u.history.day = sqlite3_column_int(stmt, 0);
	row->cursor[1] = row->u.history.grant = sqlite3_column_int64(stmt, 1);
	row->u.history.active = sqlite3_column_int64(stmt, 2);
	row->u.history.count = sqlite3_column_int64(stmt, 3);
	row->u.history.seats = sqlite3_column_int64(stmt, 4);
	row->u.history.granted = sqlite3_column_int64(stmt, 5);
	row->u.history.renewed = sqlite3_column_int64(stmt, 6);
	row->u.history.released = sqlite3_column_int64(stmt, 7);
	row->u.history.refused = sqlite3_column_int64(stmt, 8);
}

static void read_proposal(sqlite3_stmt *stmt, const struct listing *l, struct row *row)
{
	(void)l;
	row->cursor[0] = row->u.proposal.device = sqlite3_column_int64(stmt, 0);
	row->u.proposal.id = fixed(stmt, 1, DEVICE_ID);
	row->u.proposal.hostname = text(stmt, 2);
	row->cursor[1] = row->u.proposal.circle = sqlite3_column_int64(stmt, 3);
	row->u.proposal.group = text(stmt, 4);
	row->u.proposal.pattern = text(stmt, 5);
}

static void read_skew(sqlite3_stmt *stmt, const struct listing *l, struct row *row)
{
	(void)l;
	row->u.skew.ahead = sqlite3_column_int64(stmt, 0);
	row->u.skew.behind = sqlite3_column_int64(stmt, 1);
	row->u.skew.most_ahead = sqlite3_column_int64(stmt, 2);
	row->u.skew.most_behind = sqlite3_column_int64(stmt, 3);
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
	[LIST_SOURCES] = {STMT_LIST_SOURCES, read_source},
	[LIST_HOLDERS] = {STMT_LIST_HOLDERS, read_holder},
	[LIST_WAITING] = {STMT_LIST_WAITING, read_seat},
	[LIST_NEWEST] = {STMT_LIST_NEWEST, read_seat},
	[LIST_USER_DEVICES] = {STMT_LIST_USER_DEVICES, read_activation},
	[LIST_TAGGED] = {STMT_LIST_TAGGED, read_tagged},
	[LIST_PROPOSALS] = {STMT_LIST_PROPOSALS, read_proposal},
	[LIST_HISTORY] = {STMT_LIST_HISTORY, read_history},
	[LIST_STALE] = {STMT_LIST_STALE, read_stale},
	[LIST_AUDIT_END] = {STMT_LIST_AUDIT_END, read_audit},
	[LIST_SKEW] = {STMT_LIST_SKEW, read_skew},
};

/* Parameters by number; a statement that lacks one ignores it (SQLite answers RANGE, which does not matter
 * here). */
static void bind_listing(sqlite3_stmt *stmt, const struct listing *l)
{
	bool sources = l->kind == LIST_SOURCES;
	/* One device is a range, so that its index is used from the first row to the last. */
	bool from_device = l->device && l->after[0] < l->device;
	int64_t first = l->kind == LIST_DEVICE ? l->device - 1 : l->device;
	sqlite3_bind_int64(stmt, 1, from_device ? first : l->after[0]);
	sqlite3_bind_int64(stmt, 2, from_device ? -1 : l->after[1]);
	sqlite3_bind_int64(stmt, 3, l->kind == LIST_GRANT ? day_of(l->now) : l->now);
	sqlite3_bind_int64(stmt, 4, sources ? (int64_t)l->kind_of : 0);
	sqlite3_bind_int64(stmt, 7, l->before ? l->before : l->expires_before);
	sqlite3_bind_int64(stmt, 8, l->holder ? l->holder : l->grant ? l->grant : l->user);
	sqlite3_bind_int64(stmt, 9, l->limit ? l->limit : -1);
	if (l->tag_to) {
		sqlite3_bind_int64(stmt, 5, l->tag_from);
		sqlite3_bind_int64(stmt, 6, l->tag_to);
	} else {
		sqlite3_bind_text(stmt, 5, l->product, -1, SQLITE_STATIC);
		sqlite3_bind_text(stmt, 6, l->state, -1, SQLITE_STATIC);
	}
	if (l->kind == LIST_ACTIVATION)
		sqlite3_bind_int64(stmt, 10, from_device ? -1 : l->after[2]);
	if (l->kind == LIST_ACTIVATION || l->kind == LIST_DEVICE)
		sqlite3_bind_int64(stmt, 12, l->device ? l->device : INT64_MAX);
	for (size_t i = 0; i < l->n_tags && i < LIMIT_COMPONENTS; i++)
		sqlite3_bind_int64(stmt, 11 + (int)i, l->tags[i]);
}

static enum statement statement_of(const struct listing *l)
{
	if (l->kind == LIST_DEVICE && l->tag_to)
		return STMT_LIST_DEVICE_TAG;
	return l->kind == LIST_ACTIVATION && l->user ? STMT_LIST_ACTIVATION_USER : kinds[l->kind].statement;
}

int sqlite_page(struct store *store, const struct listing *l, row_function *callback, void *context)
{
	struct sqlite_store *s = (struct sqlite_store *)store;
	if (l->kind == LIST_RECORD || l->kind == LIST_COUNT)
		return sqlite_record_page(s, l, callback, context);
	sqlite3_stmt *stmt = sqlite_statement(s, statement_of(l));
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
	return sqlite_number(s, sqlite_statement(s, STMT_DEVICES), ret);
}

/* --- check --- */

/* SQLite's check tells of a page that it could not read as of a damaged one, with the number of the reason.
 */
static int unreadable(const char *line)
{
	static const char mark[] = "error code=";
	const char *at = strstr(line, mark);
	int code = at ? (int)strtol(at + sizeof(mark) - 1, NULL, 10) : 0;
	switch (code & 0xff) {
	case SQLITE_NOMEM:
		return E_NO_MEMORY;
	case SQLITE_IOERR:
		return code == SQLITE_IOERR_NOMEM ? E_NO_MEMORY : E_STORE_IO;
	case SQLITE_INTERRUPT:
		return E_STOPPING;
	default:
		return 0;
	}
}

int sqlite_look(struct sqlite_store *s, const char *sql, int (*finding)(const char *text, void *context),
		void *context)
{
	sqlite3_stmt *stmt = NULL;
	if (sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) != SQLITE_OK)
		return sqlite_error(s);
	int result;
	int error = 0;
	while (!error && (result = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char *line = text(stmt, 0);
		if (strcmp(line, "ok") == 0)
			continue;
		error = *line ? unreadable(line) : E_NO_MEMORY;
		if (!error)
			error = finding(line, context);
	}
	if (!error && result != SQLITE_DONE)
		error = sqlite_error(s);
	sqlite3_finalize(stmt);
	return error;
}

struct integrity {
	finding_function *finding;
	void *context;
};

/* What making the indexes anew puts right: they do not fit their tables, which are whole. */
static bool is_of_index(const char *line)
{
	static const char *const marks[] = {" missing from index ", "wrong # of entries in index ",
					    "non-unique entry in index "};
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (strstr(line, marks[i]))
			return true;
	return false;
}

static int tell_damage(const char *line, void *context)
{
	struct integrity *i = context;
	i->finding(is_of_index(line) ? E_INDEX_BROKEN : E_STORE_CORRUPT, line, i->context);
	return 0;
}

static int check_integrity(struct sqlite_store *s, finding_function *finding, void *context)
{
	struct integrity i = {finding, context};
	return sqlite_look(s, "PRAGMA integrity_check(20)", tell_damage, &i);
}

static int check_counts(struct sqlite_store *s, finding_function *finding, void *context)
{
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_CHECK_COUNTS);
	if (!stmt)
		return sqlite_error(s);
	int result;
	while ((result = sqlite3_step(stmt)) == SQLITE_ROW) {
		char line[160];
		snprintf(line, sizeof(line), "%s: grant or product %s, kind %d, day %d has %lld",
			 text(stmt, 0), text(stmt, 1), sqlite3_column_int(stmt, 2),
			 sqlite3_column_int(stmt, 3), (long long)sqlite3_column_int64(stmt, 4));
		finding(E_COUNT_BROKEN, line, context);
	}
	sqlite3_reset(stmt);
	return result == SQLITE_DONE ? 0 : sqlite_error(s);
}

int sqlite_check(struct store *store, int64_t now, finding_function *finding, void *context)
{
	struct sqlite_store *s = (struct sqlite_store *)store;
	(void)now;
	int error = check_integrity(s, finding, context);
	return error ? error : check_counts(s, finding, context);
}
