/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "day.h"
#include "error.h"
#include "log.h"
#include "migrate.h"
#include "sqlite_handle.h"

static const char *const statement_texts[STMT_COUNT] = {
#define STMT(id, text) [STMT_##id] = text,
#include "statements.def"
#undef STMT
};

static const struct store_ops sqlite_ops;

int sqlite_error(struct sqlite_store *s)
{
	int code = sqlite3_extended_errcode(s->db);
	switch (code & 0xff) {
	case SQLITE_FULL:
		return E_STORE_FULL;
	case SQLITE_IOERR:
		if (code == SQLITE_IOERR_NOMEM)
			return E_NO_MEMORY;
		return sqlite3_system_errno(s->db) == ENOSPC ? E_STORE_FULL : E_STORE_IO;
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
		return E_STORE_IO;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return E_STORE_CORRUPT;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return E_STORE_BUSY;
	case SQLITE_NOMEM:
		return E_NO_MEMORY;
	case SQLITE_INTERRUPT:
		return E_STOPPING;
	default:
		log_error("database error code=%d text=\"%s\"", code, sqlite3_errmsg(s->db));
		return E_INTERNAL;
	}
}

sqlite3_stmt *sqlite_statement(struct sqlite_store *s, enum statement id)
{
	if (!s->statements[id])
		sqlite3_prepare_v3(s->db, statement_texts[id], -1, SQLITE_PREPARE_PERSISTENT,
				   &s->statements[id], NULL);
	if (s->statements[id])
		sqlite3_clear_bindings(s->statements[id]);
	return s->statements[id];
}

int sqlite_run(struct sqlite_store *s, sqlite3_stmt *stmt)
{
	if (!stmt)
		return sqlite_error(s);
	int result = sqlite3_step(stmt);
	int error = result == SQLITE_DONE ? 0 : sqlite_error(s);
	sqlite3_reset(stmt);
	return error;
}

/* --- open and close --- */

static int set_up(struct sqlite_store *s)
{
	static const char shared[] =
		"PRAGMA busy_timeout = 2000; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;";
	static const char writer[] =
		"PRAGMA page_size = 2048; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
		"PRAGMA wal_autocheckpoint = 8000; PRAGMA foreign_keys = ON;"
		"PRAGMA cache_size = -24576;";
	if (sqlite3_exec(s->db, shared, NULL, NULL, NULL) != SQLITE_OK)
		return sqlite_error(s);
	int error = s->writer ? migrate_check(s->db) : 0;
	if (error)
		return error == E_INTERNAL ? sqlite_error(s) : error;
	if (s->writer && sqlite3_exec(s->db, writer, NULL, NULL, NULL) != SQLITE_OK)
		return sqlite_error(s);
	return 0;
}

static int open_handle(const char *path, bool writer, struct sqlite_store **ret)
{
	int flags = SQLITE_OPEN_NOMUTEX |
		    (writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
	struct sqlite_store *s = calloc(1, sizeof(*s));
	if (!s)
		return E_NO_MEMORY;
	s->store.ops = &sqlite_ops;
	s->writer = writer;
	s->path = strdup(path);
	int error = s->path ? 0 : E_NO_MEMORY;
	if (!error && sqlite3_open_v2(path, &s->db, flags, NULL) != SQLITE_OK)
		error = s->db && (sqlite3_errcode(s->db) & 0xff) != SQLITE_CANTOPEN ? sqlite_error(s)
										    : E_CANNOT_CREATE;
	if (!error)
		error = set_up(s);
	if (error) {
		s->writer = false; /* a file that was refused is not marked, either */
		store_close(&s->store);
		return error;
	}
	*ret = s;
	return 0;
}

/* After a stop that was not clean the file is checked before it is trusted; kept closed state says which it
 * was. */
static int check_unclean(struct sqlite_store *s)
{
	sqlite3_stmt *stmt = NULL;
	int clean = 0;
	if (sqlite3_prepare_v2(s->db, "SELECT value = x'01' FROM meta WHERE key = 'clean'", -1, &stmt,
			       NULL) != SQLITE_OK)
		return sqlite_error(s);
	int found = sqlite3_step(stmt) == SQLITE_ROW;
	clean = found ? sqlite3_column_int(stmt, 0) : 1;
	sqlite3_finalize(stmt);
	if (!clean) {
		log_info("the last stop was not clean; checking the database");
		if (sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &stmt, NULL) != SQLITE_OK)
			return sqlite_error(s);
		bool ok = sqlite3_step(stmt) == SQLITE_ROW &&
			  strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") == 0;
		sqlite3_finalize(stmt);
		if (!ok)
			return E_STORE_CORRUPT;
	}
	return 0;
}

static int mark_clean(struct sqlite_store *s, bool clean)
{
	const char *sql = clean ? "INSERT OR REPLACE INTO meta VALUES ('clean', x'01')"
				: "INSERT OR REPLACE INTO meta VALUES ('clean', x'00')";
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : sqlite_error(s);
}

int store_sqlite_open(const char *path, struct store **ret)
{
	struct sqlite_store *s;
	int error = open_handle(path, true, &s);
	if (error)
		return error;
	error = migrate(s->db);
	if (error == E_INTERNAL)
		error = sqlite_error(s);
	if (!error)
		error = check_unclean(s);
	if (!error)
		error = mark_clean(s, false);
	if (error) {
		s->writer = false; /* nothing to mark clean */
		store_close(&s->store);
		return error;
	}
	*ret = &s->store;
	return 0;
}

static int sqlite_reader(struct store *store, struct store **ret)
{
	struct sqlite_store *reader;
	int error = open_handle(((struct sqlite_store *)store)->path, false, &reader);
	if (!error)
		*ret = &reader->store;
	return error;
}

static void sqlite_rollback(struct store *store)
{
	struct sqlite_store *s = (struct sqlite_store *)store;
	if (!s->in_transaction)
		return;
	s->in_transaction = false;
	s->audit_known = false;
	if (!sqlite3_get_autocommit(s->db)) /* SQLite rolls some failures back by itself */
		sqlite_run(s, sqlite_statement(s, STMT_ROLLBACK));
}

static void sqlite_close(struct store *store)
{
	struct sqlite_store *s = (struct sqlite_store *)store;
	sqlite_rollback(store);
	if (s->writer && !s->broken && s->db)
		mark_clean(s, true);
	for (size_t i = 0; i < STMT_COUNT; i++)
		sqlite3_finalize(s->statements[i]);
	sqlite3_close(s->db);
	free(s->path);
	free(s);
}

/* --- transactions --- */

static int sqlite_begin(struct store *store)
{
	struct sqlite_store *s = (struct sqlite_store *)store;
	if (s->broken)
		return E_STORE_IO;
	int error = sqlite_run(s, sqlite_statement(s, STMT_BEGIN));
	s->in_transaction = !error;
	return error;
}

/*
 * A commit that ran out of room has written nothing that recovery would take for committed. After any other
 * failure (above all a failed sync) the file's state is unknown: the handle is done for, and the daemon
 * restarts.
 */
static int sqlite_commit(struct store *store)
{
	struct sqlite_store *s = (struct sqlite_store *)store;
	int error = sqlite_run(s, sqlite_statement(s, STMT_COMMIT));
	if (!error) {
		s->in_transaction = false;
		return 0;
	}
	sqlite_rollback(store);
	if (error == E_STORE_FULL || error == E_STORE_BUSY || error == E_NO_MEMORY)
		return error;
	s->broken = true;
	return E_STORE_UNKNOWN;
}

/* --- facts --- */

static bool same_text(sqlite3_stmt *stmt, int column, const char *text)
{
	const char *stored = (const char *)sqlite3_column_text(stmt, column);
	return stored && strcmp(stored, text) == 0;
}

static void copy_bytes(sqlite3_stmt *stmt, int column, void *out, size_t n)
{
	const void *bytes = sqlite3_column_blob(stmt, column);
	if (bytes && (size_t)sqlite3_column_bytes(stmt, column) == n)
		memcpy(out, bytes, n);
}

static int get_ratchet(struct sqlite_store *s, int64_t device, struct ratchet *ret)
{
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_RATCHET_GET);
	if (!stmt)
		return sqlite_error(s);
	sqlite3_bind_int64(stmt, 1, device);
	int result = sqlite3_step(stmt);
	if (result == SQLITE_ROW) {
		ret->counter = (uint64_t)sqlite3_column_int64(stmt, 0);
		copy_bytes(stmt, 1, ret->token, REQUEST_TOKEN);
		copy_bytes(stmt, 2, ret->shown, RATCHET);
		ret->at = sqlite3_column_int64(stmt, 3);
		size_t n = (size_t)sqlite3_column_bytes(stmt, 4);
		ret->answer_n = n <= ANSWER_MAX ? n : 0;
		copy_bytes(stmt, 4, ret->answer, ret->answer_n);
	}
	int error = result == SQLITE_ROW || result == SQLITE_DONE ? 0 : sqlite_error(s);
	sqlite3_reset(stmt);
	return error;
}

static int get_next_device(struct sqlite_store *s, int64_t *ret)
{
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_DEVICE_NEXT);
	if (!stmt)
		return sqlite_error(s);
	int error = sqlite3_step(stmt) == SQLITE_ROW ? 0 : sqlite_error(s);
	if (!error)
		*ret = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return error;
}

static int get_device(struct sqlite_store *s, const struct asker *asker, struct device_facts *ret)
{
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_DEVICE_BY_TAG);
	if (!stmt)
		return sqlite_error(s);
	sqlite3_bind_int64(stmt, 1, store_tag(asker->id));
	sqlite3_bind_blob(stmt, 2, asker->id, DEVICE_ID, SQLITE_STATIC);
	int result = sqlite3_step(stmt);
	if (result == SQLITE_ROW) {
		ret->known = true;
		ret->device = sqlite3_column_int64(stmt, 0);
		ret->described = same_text(stmt, 1, asker->hostname) && same_text(stmt, 2, asker->os) &&
				 same_text(stmt, 3, asker->agent);
		ret->blocked = sqlite3_column_int(stmt, 4) != 0;
	}
	int error = result == SQLITE_ROW || result == SQLITE_DONE ? 0 : sqlite_error(s);
	sqlite3_reset(stmt);
	if (error)
		return error;
	return ret->known ? get_ratchet(s, ret->device, &ret->ratchet) : get_next_device(s, &ret->device);
}

static int get_sum(struct sqlite_store *s, int64_t grant, enum bucket_kind kind, int32_t from, int64_t *ret)
{
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_BUCKET_SUM);
	if (!stmt)
		return sqlite_error(s);
	sqlite3_bind_int64(stmt, 1, grant);
	sqlite3_bind_int(stmt, 2, (int)kind);
	sqlite3_bind_int(stmt, 3, from);
	int error = sqlite3_step(stmt) == SQLITE_ROW ? 0 : sqlite_error(s);
	if (!error)
		*ret = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return error;
}

static int get_grant(struct sqlite_store *s, struct candidate *c)
{
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_GRANT_GET);
	if (!stmt)
		return sqlite_error(s);
	sqlite3_bind_int64(stmt, 1, c->grant);
	int result = sqlite3_step(stmt);
	if (result == SQLITE_ROW) {
		c->reached = sqlite3_column_int64(stmt, 1);
		c->below_since = sqlite3_column_int64(stmt, 2);
	}
	int error = result == SQLITE_ROW || result == SQLITE_DONE ? 0 : sqlite_error(s);
	sqlite3_reset(stmt);
	return error;
}

static int get_holding(struct sqlite_store *s, int64_t device, struct candidate *c)
{
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_HOLDING_GET);
	if (!stmt)
		return sqlite_error(s);
	sqlite3_bind_int64(stmt, 1, device);
	sqlite3_bind_int64(stmt, 2, c->grant);
	int result = sqlite3_step(stmt);
	if (result == SQLITE_ROW)
		c->holding = (struct holding){
			.state = (enum holding_state)sqlite3_column_int(stmt, 0),
			.activated = sqlite3_column_int64(stmt, 1),
			.renewed = sqlite3_column_int64(stmt, 2),
			.contacted = sqlite3_column_int64(stmt, 3),
			.expires = sqlite3_column_int64(stmt, 4),
			.serial = sqlite3_column_int64(stmt, 5),
			.plans = (uint32_t)sqlite3_column_int64(stmt, 6),
		};
	int error = result == SQLITE_ROW || result == SQLITE_DONE ? 0 : sqlite_error(s);
	sqlite3_reset(stmt);
	return error;
}

static int sqlite_facts(struct store *store, const struct asker *asker, int64_t now,
			struct device_facts *ret_device, struct line_facts *lines, size_t n)
{
	struct sqlite_store *s = (struct sqlite_store *)store;
	*ret_device = (struct device_facts){0};
	int error = get_device(s, asker, ret_device);
	for (size_t i = 0; i < n && !error; i++) {
		for (size_t j = 0; j < lines[i].n_candidates && !error; j++) {
			struct candidate *c = &lines[i].candidates[j];
			int32_t from = bucket_window_start(now, c->policy.window_days);
			error = get_grant(s, c);
			if (!error)
				error = get_sum(s, c->grant, BUCKET_CONTACT, from, &c->count);
			if (!error && c->quantity)
				error = get_sum(s, c->grant, BUCKET_LEASE, day_of(now), &c->active);
			if (!error && ret_device->known)
				error = get_holding(s, ret_device->device, c);
		}
	}
	return error;
}

/* --- apply --- */

static int add_bucket(struct sqlite_store *s, int64_t grant, int kind, int32_t day, int change)
{
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_BUCKET_ADD);
	if (!stmt)
		return sqlite_error(s);
	sqlite3_bind_int64(stmt, 1, grant);
	sqlite3_bind_int(stmt, 2, kind);
	sqlite3_bind_int(stmt, 3, day);
	sqlite3_bind_int(stmt, 4, change);
	return sqlite_run(s, stmt);
}

static void bind_text(sqlite3_stmt *stmt, int index, const char *text)
{
	sqlite3_bind_text(stmt, index, text, -1, SQLITE_STATIC);
}

static int apply_device(struct sqlite_store *s, const struct effect *e)
{
	const struct asker *asker = e->u.device_row.asker;
	bool is_new = e->u.device_row.is_new;
	sqlite3_stmt *stmt = sqlite_statement(s, is_new ? STMT_DEVICE_PUT : STMT_DEVICE_NAME);
	if (!stmt)
		return sqlite_error(s);
	int names = is_new ? 4 : 2;
	sqlite3_bind_int64(stmt, 1, e->device);
	if (is_new) {
		sqlite3_bind_int64(stmt, 2, store_tag(asker->id));
		sqlite3_bind_blob(stmt, 3, asker->id, DEVICE_ID, SQLITE_STATIC);
		sqlite3_bind_int64(stmt, 7, e->at);
	}
	bind_text(stmt, names, asker->hostname);
	bind_text(stmt, names + 1, asker->os);
	bind_text(stmt, names + 2, asker->agent);
	int error = sqlite_run(s, stmt);
	if (!error && is_new)
		error = add_bucket(s, 0, BUCKET_DEVICES, 0, 1);
	return error;
}

static int apply_holding(struct sqlite_store *s, const struct effect *e)
{
	struct bucket_change changes[4];
	const struct holding *h = &e->u.holding.after;
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_HOLDING_PUT);
	if (!stmt)
		return sqlite_error(s);
	sqlite3_bind_int64(stmt, 1, e->device);
	sqlite3_bind_int64(stmt, 2, e->grant);
	sqlite3_bind_int(stmt, 3, (int)h->state);
	sqlite3_bind_int64(stmt, 4, h->activated);
	sqlite3_bind_int64(stmt, 5, h->renewed);
	sqlite3_bind_int64(stmt, 6, h->contacted);
	sqlite3_bind_int64(stmt, 7, h->expires);
	sqlite3_bind_int64(stmt, 8, h->serial);
	sqlite3_bind_int64(stmt, 9, h->plans);
	int error = sqlite_run(s, stmt);
	size_t n = bucket_changes(&e->u.holding.before, h, changes);
	for (size_t i = 0; i < n && !error; i++)
		error = add_bucket(s, e->grant, (int)changes[i].kind, changes[i].day, changes[i].change);
	return error;
}

static int apply_ratchet(struct sqlite_store *s, const struct effect *e)
{
	const struct ratchet *r = e->u.ratchet;
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_RATCHET_PUT);
	if (!stmt)
		return sqlite_error(s);
	sqlite3_bind_int64(stmt, 1, e->device);
	sqlite3_bind_int64(stmt, 2, (int64_t)r->counter);
	sqlite3_bind_blob(stmt, 3, r->token, REQUEST_TOKEN, SQLITE_STATIC);
	sqlite3_bind_blob(stmt, 4, r->shown, RATCHET, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 5, r->at);
	sqlite3_bind_blob(stmt, 6, r->answer, (int)r->answer_n, SQLITE_STATIC);
	return sqlite_run(s, stmt);
}

static int apply_grant(struct sqlite_store *s, const struct effect *e)
{
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_GRANT_PUT);
	if (!stmt)
		return sqlite_error(s);
	sqlite3_bind_int64(stmt, 1, e->grant);
	bind_text(stmt, 2, e->u.grant_row.vendor);
	bind_text(stmt, 3, e->u.grant_row.license);
	bind_text(stmt, 4, e->u.grant_row.id);
	bind_text(stmt, 5, e->u.grant_row.product);
	sqlite3_bind_int(stmt, 6, e->u.grant_row.window_days);
	return sqlite_run(s, stmt);
}

static int apply_threshold(struct sqlite_store *s, const struct effect *e)
{
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_THRESHOLD_PUT);
	if (!stmt)
		return sqlite_error(s);
	sqlite3_bind_int64(stmt, 1, e->grant);
	sqlite3_bind_int64(stmt, 2, e->u.threshold.reached);
	sqlite3_bind_int64(stmt, 3, e->u.threshold.below_since);
	return sqlite_run(s, stmt);
}

static int apply_signed(struct sqlite_store *s, const struct effect *e)
{
	bool license = e->kind == EFFECT_LICENSE;
	sqlite3_stmt *stmt = sqlite_statement(s, license ? STMT_LICENSE_PUT : STMT_CERTIFICATE_PUT);
	if (!stmt)
		return sqlite_error(s);
	bind_text(stmt, 1, e->u.signed_file.vendor);
	bind_text(stmt, 2, e->u.signed_file.license);
	if (license)
		sqlite3_bind_int64(stmt, 3, e->u.signed_file.serial);
	else
		bind_text(stmt, 3, e->u.signed_file.vendor_key);
	bind_text(stmt, 4, e->u.signed_file.token);
	sqlite3_bind_int64(stmt, 5, e->at);
	return sqlite_run(s, stmt);
}

static int apply_meta(struct sqlite_store *s, const struct effect *e)
{
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_META_PUT);
	if (!stmt)
		return sqlite_error(s);
	bind_text(stmt, 1, e->u.meta.key);
	sqlite3_bind_blob(stmt, 2, e->u.meta.bytes, (int)e->u.meta.n, SQLITE_STATIC);
	return sqlite_run(s, stmt);
}

static int apply_tally(struct sqlite_store *s, const struct effect *e)
{
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_DAILY_ADD);
	if (!stmt)
		return sqlite_error(s);
	sqlite3_bind_int(stmt, 1, day_of(e->at));
	bind_text(stmt, 2, e->u.tally.what);
	sqlite3_bind_int64(stmt, 3, e->grant);
	sqlite3_bind_int64(stmt, 4, e->u.tally.n);
	return sqlite_run(s, stmt);
}

static int read_audit_end(struct sqlite_store *s)
{
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_AUDIT_LAST);
	if (!stmt)
		return sqlite_error(s);
	int result = sqlite3_step(stmt);
	s->audit_seq = 0;
	memset(s->audit_hash, 0, sizeof(s->audit_hash));
	if (result == SQLITE_ROW) {
		s->audit_seq = sqlite3_column_int64(stmt, 0);
		copy_bytes(stmt, 1, s->audit_hash, AUDIT_HASH);
	}
	int error = result == SQLITE_ROW || result == SQLITE_DONE ? 0 : sqlite_error(s);
	s->audit_known = !error;
	sqlite3_reset(stmt);
	return error;
}

static int apply_audit(struct sqlite_store *s, const struct effect *e)
{
	const struct audit *row = &e->u.audit;
	int error = s->audit_known ? 0 : read_audit_end(s);
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_AUDIT_PUT);
	if (error || !stmt)
		return error ? error : sqlite_error(s);
	audit_hash(s->audit_hash, s->audit_seq + 1, row, s->audit_hash);
	s->audit_seq++;
	sqlite3_bind_int64(stmt, 1, s->audit_seq);
	sqlite3_bind_int64(stmt, 2, row->at);
	bind_text(stmt, 3, row->actor);
	bind_text(stmt, 4, row->action);
	bind_text(stmt, 5, row->object);
	bind_text(stmt, 6, row->detail);
	sqlite3_bind_blob(stmt, 7, s->audit_hash, AUDIT_HASH, SQLITE_STATIC);
	error = sqlite_run(s, stmt);
	s->audit_known = !error;
	return error;
}

static int sqlite_apply(struct store *store, const struct effect *e)
{
	static int (*const appliers[])(struct sqlite_store *, const struct effect *) = {
		[EFFECT_DEVICE] = apply_device,       [EFFECT_HOLDING] = apply_holding,
		[EFFECT_RATCHET] = apply_ratchet,     [EFFECT_GRANT] = apply_grant,
		[EFFECT_THRESHOLD] = apply_threshold, [EFFECT_LICENSE] = apply_signed,
		[EFFECT_CERTIFICATE] = apply_signed,  [EFFECT_META] = apply_meta,
		[EFFECT_TALLY] = apply_tally,         [EFFECT_AUDIT] = apply_audit,
	};
	return appliers[e->kind]((struct sqlite_store *)store, e);
}

static void sqlite_stop(struct store *store)
{
	sqlite3_interrupt(((struct sqlite_store *)store)->db);
}

static const struct store_ops sqlite_ops = {
	.version = 1,
	.name = "sqlite",
	.reader = sqlite_reader,
	.close = sqlite_close,
	.begin = sqlite_begin,
	.facts = sqlite_facts,
	.apply = sqlite_apply,
	.commit = sqlite_commit,
	.rollback = sqlite_rollback,
	.page = sqlite_page,
	.check = sqlite_check,
	.devices = sqlite_devices,
	.interrupt = sqlite_stop,
};
