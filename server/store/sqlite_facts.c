/* SPDX-License-Identifier: Apache-2.0 */
/* What the SQLite store knows of a request: the reading half of a decision. */
#include <string.h>

#include "day.h"
#include "likeness.h"
#include "sqlite_handle.h"

static bool same_text(sqlite3_stmt *stmt, int column, const char *text)
{
	const char *stored = (const char *)sqlite3_column_text(stmt, column);
	return stored && strcmp(stored, text) == 0;
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
		sqlite_copy_bytes(stmt, 1, ret->token, REQUEST_TOKEN);
		sqlite_copy_bytes(stmt, 2, ret->shown, RATCHET);
		ret->at = sqlite3_column_int64(stmt, 3);
		size_t n = (size_t)sqlite3_column_bytes(stmt, 4);
		ret->answer_n = n <= ANSWER_MAX ? n : 0;
		sqlite_copy_bytes(stmt, 4, ret->answer, ret->answer_n);
		if (!likeness_read(sqlite3_column_blob(stmt, 5), (size_t)sqlite3_column_bytes(stmt, 5),
				   &ret->machine))
			ret->machine.n = 0;
	}
	return sqlite_finish(s, stmt, result);
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
		ret->shared = sqlite3_column_int(stmt, 5) != 0;
		ret->approved = sqlite3_column_int(stmt, 6) != 0;
		ret->skew = sqlite3_column_int64(stmt, 7);
	}
	int error = sqlite_finish(s, stmt, result);
	if (error)
		return error;
	return ret->known ? get_ratchet(s, ret->device, &ret->ratchet)
			  : sqlite_number(s, sqlite_statement(s, STMT_DEVICE_NEXT), &ret->device);
}

static int get_sum(struct sqlite_store *s, int64_t grant, enum bucket_kind kind, int32_t from, int64_t *ret)
{
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_BUCKET_SUM);
	if (!stmt)
		return sqlite_error(s);
	sqlite3_bind_int64(stmt, 1, grant);
	sqlite3_bind_int(stmt, 2, (int)kind);
	sqlite3_bind_int(stmt, 3, from);
	return sqlite_number(s, stmt, ret);
}

static int get_grant(struct sqlite_store *s, struct candidate *c)
{
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_GRANT_GET);
	if (!stmt)
		return sqlite_error(s);
	sqlite3_bind_int64(stmt, 1, c->grant);
	int result = sqlite3_step(stmt);
	if (result == SQLITE_ROW)
		sqlite_read_marks(stmt, 0, &c->marks);
	return sqlite_finish(s, stmt, result);
}

static int get_holding(struct sqlite_store *s, int64_t device, int64_t user, struct candidate *c)
{
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_HOLDING_GET);
	if (!stmt)
		return sqlite_error(s);
	sqlite3_bind_int64(stmt, 1, device);
	sqlite3_bind_int64(stmt, 2, c->grant);
	sqlite3_bind_int64(stmt, 3, user);
	int result = sqlite3_step(stmt);
	if (result == SQLITE_ROW)
		sqlite_read_holding(stmt, &c->holding);
	return sqlite_finish(s, stmt, result);
}

/* --- what seats need besides --- */

static int get_user(struct sqlite_store *s, const char *name, struct device_facts *ret)
{
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_USER_BOUND);
	if (!stmt)
		return sqlite_error(s);
	sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, ret->device);
	int result = sqlite3_step(stmt);
	if (result == SQLITE_ROW) {
		ret->user = sqlite3_column_int64(stmt, 0);
		ret->bound = sqlite3_column_int(stmt, 1) != 0;
	}
	return sqlite_finish(s, stmt, result);
}

static int get_seat(struct sqlite_store *s, enum member_kind kind, int64_t holder, const char *product,
		    struct seat *ret)
{
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_SEAT_GET);
	if (!stmt)
		return sqlite_error(s);
	sqlite3_bind_int(stmt, 1, (int)kind);
	sqlite3_bind_int64(stmt, 2, holder);
	sqlite3_bind_text(stmt, 3, product, -1, SQLITE_STATIC);
	int result = sqlite3_step(stmt);
	if (result == SQLITE_ROW)
		*ret = (struct seat){.grant = sqlite3_column_int64(stmt, 0),
				     .plans = (uint32_t)sqlite3_column_int64(stmt, 1),
				     .direct = sqlite3_column_int(stmt, 2) != 0,
				     .code = sqlite3_column_int(stmt, 3)};
	return sqlite_finish(s, stmt, result);
}

static int get_held_by_users(struct sqlite_store *s, int64_t device, int64_t now, struct candidate *c)
{
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_HELD_BY_USERS);
	if (!stmt)
		return sqlite_error(s);
	sqlite3_bind_int64(stmt, 1, device);
	sqlite3_bind_int64(stmt, 2, c->grant);
	sqlite3_bind_int64(stmt, 3, now);
	int result = sqlite3_step(stmt);
	c->held_by_users = result == SQLITE_ROW;
	return sqlite_finish(s, stmt, result);
}

static int get_other_devices(struct sqlite_store *s, const struct device_facts *device, int64_t now,
			     struct candidate *c)
{
	sqlite3_stmt *stmt = sqlite_statement(s, STMT_OTHER_DEVICES);
	int result;
	if (!stmt)
		return sqlite_error(s);
	sqlite3_bind_int64(stmt, 1, device->user);
	sqlite3_bind_int64(stmt, 2, c->grant);
	sqlite3_bind_int64(stmt, 3, now);
	sqlite3_bind_int64(stmt, 4, device->device);
	while ((result = sqlite3_step(stmt)) == SQLITE_ROW) {
		if (c->devices_used++)
			continue;
		sqlite_read_holding(stmt, &c->oldest);
		c->oldest_device = sqlite3_column_int64(stmt, 8);
	}
	sqlite3_reset(stmt);
	return result == SQLITE_DONE ? 0 : sqlite_error(s);
}

static int get_seats(struct sqlite_store *s, const struct device_facts *device, int64_t now,
		     struct line_facts *line)
{
	int error = 0;
	if (device->known)
		error = get_seat(s, MEMBER_DEVICE, device->device, line->product, &line->device_seat);
	if (!error && device->user)
		error = get_seat(s, MEMBER_USER, device->user, line->product, &line->user_seat);
	for (size_t i = 0; i < line->n_candidates && !error; i++) {
		struct candidate *c = &line->candidates[i];
		if (!model_of_users(c->model))
			continue;
		if (device->known)
			error = get_held_by_users(s, device->device, now, c);
		if (!error && device->user)
			error = get_other_devices(s, device, now, c);
	}
	return error;
}

static int get_candidate(struct sqlite_store *s, const struct device_facts *device, int64_t now,
			 struct candidate *c)
{
	int32_t from = bucket_window_start(now, c->policy.window_days);
	int64_t user = model_of_users(c->model) ? device->user : 0;
	int error = get_grant(s, c);
	if (!error && c->model == MODEL_VOLUME)
		error = get_sum(s, c->grant, BUCKET_CONTACT, from, &c->count);
	if (!error && c->quantity)
		error = get_sum(s, c->grant, BUCKET_LEASE, day_of(now), &c->active);
	if (!error && device->known && (user || !model_of_users(c->model)))
		error = get_holding(s, device->device, user, c);
	return error;
}

int sqlite_facts(struct store *store, const struct asker *asker, int64_t now, struct device_facts *ret_device,
		 struct line_facts *lines, size_t n)
{
	struct sqlite_store *s = (struct sqlite_store *)store;
	*ret_device = (struct device_facts){0};
	int error = get_device(s, asker, ret_device);
	if (!error && asker->user && *asker->user)
		error = get_user(s, asker->user, ret_device);
	for (size_t i = 0; i < n && !error; i++) {
		for (size_t j = 0; j < lines[i].n_candidates && !error; j++)
			error = get_candidate(s, ret_device, now, &lines[i].candidates[j]);
		if (!error && lines[i].seats)
			error = get_seats(s, ret_device, now, &lines[i]);
	}
	return error;
}
