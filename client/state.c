/* SPDX-License-Identifier: Apache-2.0 */
#include "state.h"

#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "file.h"
#include "folder.h"

#define STATE_FILE "state.json"
#define STATE_FILE_MAX (1u << 20)
#define STATE_MODE 0600

/* --- records, pins, ledgers --- */

struct record *state_record(struct state *s, const char *product)
{
	for (size_t i = 0; i < s->n_records; i++)
		if (strcmp(s->records[i].product, product) == 0)
			return &s->records[i];
	return NULL;
}

struct record *state_need(struct state *s, const char *product, const char *vendor)
{
	struct record *r = state_record(s, product);
	if (!r && s->n_records < STATE_RECORDS) {
		r = &s->records[s->n_records++];
		memset(r, 0, sizeof(*r));
		snprintf(r->product, sizeof(r->product), "%s", product);
		snprintf(r->vendor, sizeof(r->vendor), "%s", vendor);
	}
	return r;
}

void record_clear(struct record *r)
{
	const struct record old = *r;
	memset(r, 0, sizeof(*r));
	memcpy(r->product, old.product, sizeof(r->product));
	memcpy(r->vendor, old.vendor, sizeof(r->vendor));
	memcpy(r->host, old.host, sizeof(r->host));
	r->first_call = old.first_call;
	r->retry_minutes = old.retry_minutes;
	r->stored = old.stored;
}

struct pin *state_pin(struct state *s, const char *vendor)
{
	for (size_t i = 0; i < s->n_pins; i++)
		if (strcmp(s->pins[i].vendor, vendor) == 0)
			return &s->pins[i];
	if (s->n_pins == STATE_PINS) {
		s->n_pins--;
		memmove(&s->pins[0], &s->pins[1], s->n_pins * sizeof(s->pins[0]));
	}
	struct pin *pin = &s->pins[s->n_pins++];
	memset(pin, 0, sizeof(*pin));
	snprintf(pin->vendor, sizeof(pin->vendor), "%s", vendor);
	return pin;
}

struct ledger *state_ledger(struct state *s, const uint8_t id[LEDGER_ID])
{
	struct ledger *oldest = &s->ledgers[0];
	for (size_t i = 0; i < s->n_ledgers; i++) {
		if (memcmp(s->ledgers[i].id, id, LEDGER_ID) == 0)
			return &s->ledgers[i];
		if (s->ledgers[i].used < oldest->used)
			oldest = &s->ledgers[i];
	}
	struct ledger *l = s->n_ledgers < STATE_LEDGERS ? &s->ledgers[s->n_ledgers++] : oldest;
	memset(l, 0, sizeof(*l));
	memcpy(l->id, id, LEDGER_ID);
	return l;
}

void state_disown(struct state *s, const uint8_t device[DEVICE_ID], int64_t now)
{
	for (size_t i = 0; i < s->n_records; i++) {
		struct record old = s->records[i];
		struct record *r = &s->records[i];
		record_clear(r);
		r->wanted = old.wanted;
		memcpy(r->version, old.version, sizeof(r->version));
		memcpy(r->plans, old.plans, sizeof(r->plans));
		r->n_plans = old.n_plans;
		r->stored = 0;
	}
	sodium_memzero(s->ledgers, sizeof(s->ledgers));
	s->n_ledgers = 0;
	memcpy(s->forked_from, s->device, DEVICE_ID);
	memcpy(s->device, device, DEVICE_ID);
	s->forked = true;
	s->forked_at = now;
	s->disowned = true;
}

void state_mark(struct state *s, int64_t time, const struct boot *now)
{
	s->mark = time;
	uptime_begin(&s->up, now);
}

/* --- calls --- */

const struct want *call_want(const struct call *call, const char *product)
{
	for (size_t i = 0; i < call->n; i++)
		if (strcmp(call->wants[i].product, product) == 0)
			return &call->wants[i];
	return NULL;
}

static bool want_same(const struct want *a, const struct want *b)
{
	if (strcmp(a->version, b->version) != 0 || a->n_plans != b->n_plans)
		return false;
	if (strcmp(a->user, b->user) != 0 || strcmp(a->key, b->key) != 0 || a->reinstalled != b->reinstalled)
		return false;
	for (size_t i = 0; i < a->n_plans; i++)
		if (strcmp(a->plans[i], b->plans[i]) != 0)
			return false;
	return true;
}

bool call_same(const struct call *a, const struct call *b)
{
	if (a->kind != b->kind || a->n != b->n || strcmp(a->secret, b->secret) != 0)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		const struct want *other = call_want(b, a->wants[i].product);
		if (!other || !want_same(&a->wants[i], other))
			return false;
	}
	return true;
}

/* --- the file --- */

static int check_file(const char *path, struct fault *f)
{
	struct stat st;
	if (lstat(path, &st))
		return errno == ENOENT ? E_NOT_FOUND : fault_system(f, E_IO, path);
	if (!S_ISREG(st.st_mode) || !folder_private(&st))
		return fault_set(f, E_INSECURE, "%s: others may write it, or own it", path);
	return 0;
}

int state_load(const char *folder, const struct device *device, int64_t now, struct state *ret,
	       struct fault *f)
{
	char path[PATH_MAX];
	char *text;
	size_t n;
	memset(ret, 0, sizeof(*ret));
	if (folder_path(folder, STATE_FILE, path, sizeof(path)))
		return fault_set(f, E_IO, "%s: the path is too long", folder);
	memcpy(ret->device, device->id, DEVICE_ID);
	int error = check_file(path, f);
	if (error)
		return error == E_NOT_FOUND ? 0 : error;
	error = file_read(path, STATE_FILE_MAX, &text, &n);
	if (error == E_IO)
		return fault_system(f, error, path);
	if (error)
		return fault_set(f, error == E_TOO_LARGE ? E_STATE_TAMPERED : error, "%s", path);
	error = state_read(text, n, device->mac_key, ret);
	sodium_memzero(text, n);
	free(text);
	if (!error && memcmp(ret->device, device->id, DEVICE_ID) != 0)
		state_disown(ret, device->id, now);
	return error ? fault_set(f, error, "%s", path) : 0;
}

int state_save(const char *folder, const struct device *device, const struct state *s, struct fault *f)
{
	char path[PATH_MAX];
	char *text;
	if (folder_path(folder, STATE_FILE, path, sizeof(path)))
		return fault_set(f, E_IO, "%s: the path is too long", folder);
	int error = state_write(s, device->mac_key, &text);
	if (error)
		return fault_code(f, error);
	error = file_replace(path, text, strlen(text), STATE_MODE);
	sodium_memzero(text, strlen(text));
	free(text);
	/* STORE_FULL speaks of the host's disk. */
	return error ? fault_system(f, error == E_STORE_FULL ? E_IO : error, path) : 0;
}
