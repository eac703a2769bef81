/* SPDX-License-Identifier: Apache-2.0 */
/* What effects change in the SQLite store: the writing half of a decision. */
#include <string.h>

#include "audit.h"
#include "day.h"
#include "likeness.h"
#include "sqlite_handle.h"

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
		sqlite3_bind_blob(stmt, 8, asker->forked_from, asker->forked_from ? DEVICE_ID : 0,
				  SQLITE_STATIC);
	}
	if (!is_new)
		sqlite3_bind_int64(stmt, 5, e->at);
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
	sqlite3_bind_int64(stmt, 10, h->units ? h->units : 1);
	sqlite3_bind_int64(stmt, 11, e->user);
	int error = sqlite_run(s, stmt);
	size_t n = bucket_changes(&e->u.holding.before, h, changes);
	for (size_t i = 0; i < n && !error; i++)
		error = add_bucket(s, e->grant, (int)changes[i].kind, changes[i].day, changes[i].change);
	return error;
}

static int apply_ratchet(struct sqlite_store *s, const struct effect *e)
{
	const struct ratchet *r = e->u.ratchet;
	uint8_t machine[3 * LIMIT_COMPONENTS];
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_RATCHET_PUT);
	if (!stmt)
		return sqlite_error(s);
	sqlite3_bind_int64(stmt, 1, e->device);
	sqlite3_bind_int64(stmt, 2, (int64_t)r->counter);
	sqlite3_bind_blob(stmt, 3, r->token, REQUEST_TOKEN, SQLITE_STATIC);
	sqlite3_bind_blob(stmt, 4, r->shown, RATCHET, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 5, r->at);
	sqlite3_bind_blob(stmt, 6, r->answer, (int)r->answer_n, SQLITE_STATIC);
	sqlite3_bind_blob(stmt, 7, machine, (int)likeness_write(&r->machine, machine), SQLITE_STATIC);
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

static int apply_marks(struct sqlite_store *s, const struct effect *e)
{
	const struct grant_marks *m = &e->u.marks;
	const int64_t values[] = {m->reached,    m->below_since, m->cancelled, m->taken_over,
				  m->over_since, m->warned,      m->extra,     m->extended};
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_MARKS_PUT);
	if (!stmt)
		return sqlite_error(s);
	sqlite3_bind_int64(stmt, 1, e->grant);
	for (int i = 0; i < 8; i++)
		sqlite3_bind_int64(stmt, i + 2, values[i]);
	return sqlite_run(s, stmt);
}

static int apply_flags(struct sqlite_store *s, const struct effect *e)
{
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_DEVICE_FLAGS);
	if (!stmt)
		return sqlite_error(s);
	sqlite3_bind_int64(stmt, 1, e->device);
	sqlite3_bind_int(stmt, 2, e->u.flags.blocked);
	sqlite3_bind_int(stmt, 3, e->u.flags.shared);
	sqlite3_bind_int(stmt, 4, e->u.flags.approved);
	return sqlite_run(s, stmt);
}

static int apply_skew(struct sqlite_store *s, const struct effect *e)
{
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_DEVICE_SKEW);
	if (!stmt)
		return sqlite_error(s);
	sqlite3_bind_int64(stmt, 1, e->device);
	sqlite3_bind_int64(stmt, 2, e->u.skew);
	return sqlite_run(s, stmt);
}

static int apply_forget(struct sqlite_store *s, const struct effect *e)
{
	static const enum statement all[] = {STMT_FORGET_ACTIVATION, STMT_FORGET_RATCHET, STMT_FORGET_BINDING,
					     STMT_FORGET_HARDWARE,   STMT_FORGET_TAGS,    STMT_FORGET_DENIALS,
					     STMT_FORGET_BRANCHES,   STMT_FORGET_OFFLINE, STMT_FORGET_VOICE,
					     STMT_FORGET_DEVICE};
	int error = 0;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && !error; i++) {
		sqlite3_stmt *stmt = sqlite_statement(s, all[i]);
		if (stmt)
			sqlite3_bind_int64(stmt, 1, e->device);
		error = sqlite_run(s, stmt);
	}
	return error ? error : add_bucket(s, 0, BUCKET_DEVICES, 0, -1);
}

static int add_waiting(struct sqlite_store *s, const char *product, int change)
{
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_WAITING_ADD);
	if (!stmt)
		return sqlite_error(s);
	bind_text(stmt, 1, product);
	sqlite3_bind_int(stmt, 2, change);
	return sqlite_run(s, stmt);
}

static int apply_seat(struct sqlite_store *s, const struct effect *e)
{
	struct record *r = e->u.seat.record;
	int64_t before = e->u.seat.before;
	int64_t after = r->u.seat.entitlement;
	int waited = r->num && !before;
	int waits = !after && r->u.seat.code;
	int error = 0;
	if (after || r->u.seat.code)
		error = sqlite_record_put(s, r);
	else if (r->num)
		error = sqlite_record_drop(s, r->kind, r->num);
	if (!error && before && before != after)
		error = add_bucket(s, before, BUCKET_SEATS, 0, -1);
	if (!error && after && before != after)
		error = add_bucket(s, after, BUCKET_SEATS, 0, 1);
	if (!error && waits != waited)
		error = add_waiting(s, r->u.seat.product, waits - waited);
	return error;
}

static int apply_put(struct sqlite_store *s, const struct effect *e)
{
	return sqlite_record_put(s, e->u.record);
}

static int apply_drop(struct sqlite_store *s, const struct effect *e)
{
	return sqlite_record_drop(s, e->u.record->kind, e->u.record->num);
}

static int apply_expire(struct sqlite_store *s, const struct effect *e)
{
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_DAILY_EXPIRE);
	if (stmt)
		sqlite3_bind_int(stmt, 1, day_of(e->at));
	int error = sqlite_run(s, stmt);
	stmt = error ? NULL : sqlite_statement(s, STMT_DENIAL_EXPIRE);
	if (stmt)
		sqlite3_bind_int64(stmt, 1, day_of(e->at) * (int64_t)DAY_SECONDS);
	return error ? error : sqlite_run(s, stmt);
}

static int drop_license(struct sqlite_store *s, const struct effect *e)
{
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_LICENSE_DROP);
	if (!stmt)
		return sqlite_error(s);
	bind_text(stmt, 1, e->u.signed_file.vendor);
	bind_text(stmt, 2, e->u.signed_file.license);
	return sqlite_run(s, stmt);
}

static int apply_signed(struct sqlite_store *s, const struct effect *e)
{
	bool license = e->kind == EFFECT_LICENSE;
	if (license && !e->u.signed_file.token)
		return drop_license(s, e);
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
	sqlite3_stmt *stmt = sqlite_statement(s, e->kind == EFFECT_PEAK ? STMT_DAILY_PEAK : STMT_DAILY_ADD);
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
		sqlite_copy_bytes(stmt, 1, s->audit_hash, AUDIT_HASH);
	}
	int error = sqlite_finish(s, stmt, result);
	s->audit_known = !error;
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

static int apply_prune(struct sqlite_store *s, const struct effect *e)
{
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_AUDIT_PRUNE);
	if (!stmt)
		return sqlite_error(s);
	sqlite3_bind_int64(stmt, 1, e->u.prune.through);
	sqlite3_bind_int64(stmt, 2, e->u.prune.limit);
	return sqlite_run(s, stmt);
}

int sqlite_apply(struct store *store, const struct effect *e)
{
	static int (*const appliers[])(struct sqlite_store *, const struct effect *) = {
		[EFFECT_DEVICE] = apply_device,      [EFFECT_FLAGS] = apply_flags,
		[EFFECT_FORGET] = apply_forget,      [EFFECT_HOLDING] = apply_holding,
		[EFFECT_RATCHET] = apply_ratchet,    [EFFECT_GRANT] = apply_grant,
		[EFFECT_MARKS] = apply_marks,        [EFFECT_LICENSE] = apply_signed,
		[EFFECT_CERTIFICATE] = apply_signed, [EFFECT_META] = apply_meta,
		[EFFECT_SEAT] = apply_seat,          [EFFECT_PUT] = apply_put,
		[EFFECT_DROP] = apply_drop,          [EFFECT_TALLY] = apply_tally,
		[EFFECT_PEAK] = apply_tally,         [EFFECT_EXPIRE] = apply_expire,
		[EFFECT_AUDIT] = apply_audit,        [EFFECT_PRUNE] = apply_prune,
		[EFFECT_SKEW] = apply_skew,
	};
	return appliers[e->kind]((struct sqlite_store *)store, e);
}
