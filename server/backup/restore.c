/* SPDX-License-Identifier: Apache-2.0 */
#include "restore.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "broker.h"
#include "error.h"
#include "place.h"
#include "rfc3339.h"

#define PIECE 65536

/* What is known before anything is changed. */
struct restoring {
	const struct restore_order *order;
	struct archive_info info;
	int64_t bytes; /* of the database in the file */
	bool there;    /* a database is there already, */
	bool readable; /* and can be read */
	struct store_file old;
	uint8_t old_ledger[LEDGER_ID];
	struct host_key *key;     /* out of the file; NULL: not asked for */
	char own[PASERK_ID_TEXT]; /* the key that is there; "": none */
	char key_path[PATH_MAX];
	char kept[PATH_MAX];     /* the old database's new name; "": there was none */
	char kept_key[PATH_MAX]; /* and the old key's */
	char *detail;
};

/* --- looking --- */

static int take_ledger(const struct row *row, void *context)
{
	struct restoring *p = context;
	if (strcmp(row->u.meta.key, LEDGER_KEY) == 0 && row->u.meta.n == LEDGER_ID)
		memcpy(p->old_ledger, row->u.meta.bytes, LEDGER_ID);
	return 0;
}

/* One that cannot be read is why people restore: it is kept aside like any other. */
static void look_at_old(struct restoring *p)
{
	struct store *store;
	struct listing meta = {.kind = LIST_META};
	place_finish(p->order->database);
	p->there = access(p->order->database, F_OK) == 0;
	if (!p->there || store_file_open(p->order->database, &store))
		return;
	p->readable = store_file_facts(store, &p->old) == 0 && store_page(store, &meta, take_ledger, p) == 0;
	store_close(store);
}

/* A database that was only made by a first start has nothing to lose. */
static bool is_empty(const struct restoring *p)
{
	return p->old.devices == 0 && p->old.certificates == 0;
}

static int compare(struct restoring *p, struct numbers *ret)
{
	if (!p->readable || is_empty(p) || p->order->force)
		return 0;
	if (memcmp(p->old_ledger, p->info.ledger, LEDGER_ID) != 0) {
		snprintf(p->detail, BACKUP_DETAIL, "%.200s holds another ledger, with %lld devices",
			 p->order->database, (long long)p->old.devices);
		return E_LEDGER_MISMATCH;
	}
	if (p->old.audit <= p->info.file.audit)
		return 0;
	ret->have = p->info.file.audit;
	ret->need = p->old.audit;
	snprintf(p->detail, BACKUP_DETAIL, "%lld rows of the audit log were written after the backup",
		 (long long)(p->old.audit - p->info.file.audit));
	return E_BACKUP_OLDER;
}

static int read_keys(struct restoring *p)
{
	struct store *store;
	struct archive_info ignored;
	char *keys = NULL;
	int error = store_file_open(p->order->file, &store);
	if (error)
		return error;
	error = archive_read(store, &ignored, &keys);
	store_close(store);
	if (!error && !keys) {
		snprintf(p->detail, BACKUP_DETAIL, "the backup was made without --with-key");
		error = E_KEY_INVALID;
	}
	if (!error)
		error = keybag_read(keys, p->order->passphrase, p->order->passphrase_n, &p->key);
	free(keys);
	return error;
}

/* Which key will the host have? It is not made here: a first start does that. */
static void look_at_key(struct restoring *p)
{
	struct host_key *own;
	snprintf(p->key_path, sizeof(p->key_path), "%s/host.key", p->order->folder);
	if (access(p->key_path, F_OK) || host_key_open(p->key_path, &own))
		return;
	snprintf(p->own, sizeof(p->own), "%s", own->id);
	host_key_free(own);
}

/* --- putting in place --- */

static int copy_database(const struct restoring *p, const char *path)
{
	int from = open(p->order->file, O_RDONLY | O_CLOEXEC);
	int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char *piece = malloc(PIECE);
	int64_t left = p->bytes;
	int error = from < 0 ? E_IO : to < 0 ? E_CANNOT_CREATE : piece ? 0 : E_NO_MEMORY;
	while (!error && left > 0) {
		ssize_t n = read(from, piece, left < PIECE ? (size_t)left : PIECE);
		if (n <= 0 || write(to, piece, (size_t)n) != n)
			error = n > 0 && errno == ENOSPC ? E_STORE_FULL : E_IO;
		left -= n;
	}
	if (!error && fsync(to))
		error = E_IO;
	free(piece);
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return error;
}

static int apply_meta(struct store *store, const char *key, int64_t number)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%lld", (long long)number);
	struct effect e = {.kind = EFFECT_META, .u.meta = {key, text, (size_t)n}};
	return store_apply(store, &e);
}

/* The ledger itself says that it was put back, from when, and that this host serves. */
static int write_down(const struct restoring *p, struct store *store)
{
	char time[RFC3339_TEXT];
	char detail[96];
	snprintf(detail, sizeof(detail), "{\"backup\":\"%s\",\"seq\":%lld}",
		 rfc3339_write(p->info.time, time), (long long)p->info.file.audit);
	struct effect audit = {
		.kind = EFFECT_AUDIT,
		.at = p->order->now,
		.u.audit = {p->order->now, p->order->actor, "host.restored", p->info.host, detail}};
	int error = store_begin(store);
	if (error)
		return error;
	error = store_apply(store, &audit);
	if (!error)
		error = apply_meta(store, META_RESTORED, p->order->now);
	if (!error) /* whoever restores has looked at the clock */
		error = apply_meta(store, META_TIME, p->order->now);
	if (!error)
		error = apply_meta(store, META_RETIRED, 0);
	if (!error)
		error = apply_meta(store, META_BACKUP, p->info.time);
	if (!error)
		return store_commit(store);
	store_rollback(store);
	return error;
}

static void take_finding(int code, const char *text, void *context)
{
	struct restoring *p = context;
	if (!p->detail[0])
		snprintf(p->detail, BACKUP_DETAIL, "%s: %.200s", error_name(code), text);
}

/* A whole new database beside the old one: of today's schema, checked, and on disk. */
static int prepare(struct restoring *p, const char *path)
{
	char url[PATH_MAX + 8];
	struct store *store;
	int error = copy_database(p, path);
	snprintf(url, sizeof(url), "sqlite:%s", path);
	if (error)
		return error;
	error = store_open(url, &store);
	if (error)
		return error;
	error = write_down(p, store);
	if (!error)
		error = store_check(store, p->order->now, take_finding, p);
	store_close(store);
	if (!error && p->detail[0])
		error = E_BACKUP_DAMAGED;
	return error ? error : store_file_settle(path);
}

static int put_key(struct restoring *p)
{
	if (!p->key || strcmp(p->key->id, p->own) == 0)
		return 0;
	if (access(p->key_path, F_OK) == 0) {
		place_dated(p->key_path, "before-restore", p->order->now, p->kept_key, sizeof(p->kept_key));
		if (link(p->key_path, p->kept_key))
			return E_IO;
	}
	return host_key_save(p->key_path, p->key);
}

static void give_to_owner(const struct restoring *p)
{
	char lock[PATH_MAX];
	snprintf(lock, sizeof(lock), "%s/lock", p->order->folder);
	const char *const all[] = {p->order->database, p->kept, p->key_path, p->kept_key, lock};
	place_give(p->order->folder, all, sizeof(all) / sizeof(all[0]));
}

static int execute(struct restoring *p)
{
	char fresh[PATH_MAX];
	if (snprintf(fresh, sizeof(fresh), "%s.restoring", p->order->database) >= (int)sizeof(fresh))
		return E_CANNOT_CREATE;
	place_remove(fresh);
	int error = prepare(p, fresh);
	if (!error && p->there)
		place_dated(p->order->database, "before-restore", p->order->now, p->kept, sizeof(p->kept));
	/* The key first: a host with new keys on the old ledger serves nothing, and does no harm. */
	if (!error)
		error = put_key(p);
	if (!error && p->readable)
		store_file_settle(p->order->database); /* else its log is kept with it */
	if (!error)
		error = place_swap(fresh, p->order->database, p->kept);
	if (error)
		place_remove(fresh);
	give_to_owner(p);
	return error;
}

/* --- telling --- */

static int64_t above(int64_t a, int64_t b)
{
	return a > b ? a - b : 0;
}

static json_t *report(const struct restoring *p)
{
	const char *host = p->key ? p->key->id : p->own;
	json_t *o = json_pack("{s:i, s:b, s:b, s:o, s:s, s:b}", "schema", 1, "dry_run", p->order->dry_run,
			      "restored", !p->order->dry_run, "backup", archive_json(&p->info), "database",
			      p->order->database, "same_host", strcmp(host, p->info.host) == 0);
	if (!o)
		return NULL;
	json_object_set_new(o, "host", *host ? json_string(host) : json_null());
	json_object_set_new(o, "found",
			    json_string(!p->there      ? "none"
					: !p->readable ? "unreadable"
					: is_empty(p)  ? "empty"
						       : "database"));
	json_object_set_new(
		o, "lost",
		json_pack("{s:I, s:I, s:I}", "audit",
			  (json_int_t)above(p->old.audit, is_empty(p) ? p->old.audit : p->info.file.audit),
			  "devices", (json_int_t)above(p->old.devices, p->info.file.devices), "activations",
			  (json_int_t)above(p->old.activations, p->info.file.activations)));
	json_object_set_new(o, "kept", p->kept[0] ? json_string(p->kept) : json_null());
	json_object_set_new(o, "kept_key", p->kept_key[0] ? json_string(p->kept_key) : json_null());
	return o;
}

int restore_run(const struct restore_order *order, json_t **ret_json, struct numbers *ret_numbers,
		char detail[BACKUP_DETAIL])
{
	struct restoring *p = calloc(1, sizeof(*p));
	if (!p)
		return E_NO_MEMORY;
	p->order = order;
	p->detail = detail;
	*ret_json = NULL;
	*ret_numbers = NUMBERS_NONE;
	int error = backup_verify(order->file, order->now, &p->info, detail);
	if (!error)
		error = archive_sealed(order->file, &p->bytes);
	if (!error && order->passphrase)
		error = read_keys(p);
	if (!error) {
		look_at_old(p);
		look_at_key(p);
		error = compare(p, ret_numbers);
	}
	if (!error && !order->dry_run)
		error = execute(p);
	if (!error)
		*ret_json = report(p);
	host_key_free(p->key);
	free(p);
	return error;
}
