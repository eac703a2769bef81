/* SPDX-License-Identifier: Apache-2.0 */
/* What the suites of the stores share: a store under test, changes in short, listings as texts, a little of
 * everything. */
#ifndef TESTS_STOREKIT_H
#define TESTS_STOREKIT_H

#include "fixture.h"

#include "log.h"
#include "store.h"

#define ROW_TEXT 512
#define ROWS_MAX 4096

struct backend {
	const char *name;
	const char *url; /* NULL: SQLite in the temporary folder */
};

static struct store *store;

static inline char *database(char out[256])
{
	return fixture_file("store.db", out);
}

static inline void open_sqlite(void)
{
	char path[256];
	char url[300];
	snprintf(url, sizeof(url), "sqlite:%s", database(path));
	assert_int_equal(store_open(url, &store), 0);
}

static inline int open_store(void **state)
{
	const struct backend *b = *state;
	fixture_empty();
	store = NULL;
	if (b->url)
		assert_int_equal(store_open(b->url, &store), 0);
	else
		open_sqlite();
	return 0;
}

static inline int close_store(void **state)
{
	(void)state;
	store_close(store);
	store = NULL;
	return 0;
}

/* --- changes, in short --- */

static inline void begin(void)
{
	assert_int_equal(store_begin(store), 0);
}

static inline void commit(void)
{
	assert_int_equal(store_commit(store), 0);
}

static inline void apply(struct effect effect)
{
	assert_int_equal(store_apply(store, &effect), 0);
}

static inline struct asker asker(uint8_t a, uint8_t b)
{
	struct asker who = {.id = {a, b}, .hostname = "host", .os = "Debian 12", .agent = "muster 1"};
	return who;
}

static inline void put_device(int64_t number, const struct asker *who, bool is_new, int64_t at)
{
	apply((struct effect){
		.kind = EFFECT_DEVICE, .device = number, .at = at, .u.device_row = {who, is_new}});
}

static inline void put_grant(int64_t number, const char *id, const char *product, int32_t window)
{
	apply((struct effect){.kind = EFFECT_GRANT,
			      .grant = number,
			      .u.grant_row = {"k4.pid.v", "fjord-1", id, product, window}});
}

static inline void put_holding(int64_t device, int64_t grant, struct holding before, struct holding after)
{
	apply((struct effect){.kind = EFFECT_HOLDING,
			      .device = device,
			      .grant = grant,
			      .at = NOW,
			      .u.holding = {before, after}});
}

static inline void put_audit(const char *action, const char *object)
{
	apply((struct effect){
		.kind = EFFECT_AUDIT, .at = NOW, .u.audit = {NOW, "uid:0", action, object, "{}"}});
}

static inline void put_ratchet(int64_t device, const struct ratchet *ratchet)
{
	apply((struct effect){.kind = EFFECT_RATCHET, .device = device, .at = NOW, .u.ratchet = ratchet});
}

static inline void put_tally(const char *what, int64_t grant, int64_t at, int64_t n)
{
	apply((struct effect){.kind = EFFECT_TALLY, .grant = grant, .at = at, .u.tally = {what, n}});
}

static inline void put_meta(const char *key, const void *bytes, size_t n)
{
	apply((struct effect){.kind = EFFECT_META, .u.meta = {key, bytes, n}});
}

static inline struct device_facts device_of(const struct asker *who)
{
	struct device_facts facts;
	memset(&facts, 0xa5, sizeof(facts)); /* facts sets all of it */
	assert_int_equal(store_facts(store, who, NOW, &facts, NULL, 0), 0);
	return facts;
}

/* What the store knows of one grant for one device. */
static inline struct candidate candidate_of(const struct asker *who, int64_t grant, uint32_t window,
					    int64_t now)
{
	struct device_facts device;
	struct line_facts line = {.n_candidates = 1};
	line.candidates[0] =
		(struct candidate){.grant = grant, .policy = {.window_days = window}, .quantity = 1};
	assert_int_equal(store_facts(store, who, now, &device, &line, 1), 0);
	return line.candidates[0];
}

static inline struct holding active(int64_t at, int64_t expires, int64_t serial)
{
	return (struct holding){HOLDING_ACTIVE, at, at, at, expires, serial, 3, 1};
}

static inline struct holding counted(int64_t at)
{
	return (struct holding){.state = HOLDING_COUNTED, .contacted = at};
}

static const struct holding none;

/* --- listings as texts, so that two can be compared --- */

struct texts {
	char all[ROWS_MAX][ROW_TEXT];
	size_t n;
	int64_t cursor[3];
	enum listing_kind kind;
	bool truncated;
};

static struct texts here;
static struct texts there;

static inline void hex(const void *bytes, size_t n, char *out)
{
	sodium_bin2hex(out, 2 * n + 1, bytes, n);
}

static inline void print_holding(const struct holding *h, char *out, size_t room)
{
	snprintf(out, room, "%d %lld %lld %lld %lld %lld %u", (int)h->state, (long long)h->activated,
		 (long long)h->renewed, (long long)h->contacted, (long long)h->expires, (long long)h->serial,
		 h->plans);
}

/* Every field, as records.def has them. */
static inline void print_record(const struct record *r, char *out, size_t room)
{
	size_t n;
	const struct record_field *fields = record_fields(r->kind, &n);
	size_t used = (size_t)snprintf(out, room, "%s %lld", record_name(r->kind), (long long)r->num);
	for (size_t i = 0; i < n; i++) {
		const struct record_field *f = &fields[i];
		char bytes[200] = "";
		if (f->type == FIELD_BYTES)
			hex(record_bytes(r, f).at, record_bytes(r, f).n, bytes);
		if (f->type == FIELD_INT)
			used += (size_t)snprintf(out + used, room - used, " %lld",
						 (long long)record_int(r, f));
		else
			used += (size_t)snprintf(out + used, room - used, " '%s'",
						 f->type == FIELD_TEXT ? record_text(r, f) : bytes);
	}
}

/* Those of no table alone. */
static inline void write_walk(enum listing_kind kind, const struct row *row, char *out)
{
	if (kind == LIST_COUNT)
		snprintf(out, ROW_TEXT, "%lld", (long long)row->u.count);
	else if (kind == LIST_TAGGED || kind == LIST_STALE)
		snprintf(out, ROW_TEXT, "%lld", (long long)row->u.device_num);
	else if (kind == LIST_SKEW)
		snprintf(out, ROW_TEXT, "%lld by %lld, %lld by %lld", (long long)row->u.skew.ahead,
			 (long long)row->u.skew.most_ahead, (long long)row->u.skew.behind,
			 (long long)row->u.skew.most_behind);
	else
		snprintf(out, ROW_TEXT, "%lld %s %s %s", (long long)row->u.proposal.device,
			 row->u.proposal.hostname, row->u.proposal.group, row->u.proposal.pattern);
}

static inline void write_day(enum listing_kind kind, const struct row *row, char *out)
{
	if (kind == LIST_DAILY)
		snprintf(out, ROW_TEXT, "%d %s %lld %lld", row->u.daily.day, row->u.daily.what,
			 (long long)row->u.daily.grant, (long long)row->u.daily.n);
	else
		snprintf(out, ROW_TEXT, "%d %lld %lld", row->u.history.day, (long long)row->u.history.grant,
			 (long long)row->u.history.active);
}

static inline int keep(const struct row *row, void *context)
{
	struct texts *t = context;
	char *out = t->all[t->n];
	char bytes[200] = "";
	char held[160];
	assert_true(t->n < ROWS_MAX);
	memcpy(t->cursor, row->cursor, sizeof(t->cursor));
	switch (t->kind) {
	case LIST_META:
		if (strcmp(row->u.meta.key, "clean") == 0)
			return 0; /* SQLite's own */
		assert_true(row->u.meta.n < 90);
		hex(row->u.meta.bytes, row->u.meta.n, bytes);
		snprintf(out, ROW_TEXT, "%s %s", row->u.meta.key, bytes);
		break;
	case LIST_LICENSE:
	case LIST_CERTIFICATE:
		snprintf(out, ROW_TEXT, "%s %s %s %s %lld %lld", row->u.signed_file.vendor,
			 row->u.signed_file.license, row->u.signed_file.vendor_key, row->u.signed_file.token,
			 (long long)row->u.signed_file.serial, (long long)row->u.signed_file.installed);
		break;
	case LIST_GRANT:
		snprintf(out, ROW_TEXT, "%lld %s %s %s %s %d %lld %lld %lld %lld",
			 (long long)row->u.grant.num, row->u.grant.vendor, row->u.grant.license,
			 row->u.grant.id, row->u.grant.product, row->u.grant.window_days,
			 (long long)row->u.grant.marks.reached, (long long)row->u.grant.marks.below_since,
			 (long long)row->u.grant.count, (long long)row->u.grant.active);
		break;
	case LIST_DEVICE:
		hex(row->u.device.id, DEVICE_ID, bytes);
		snprintf(out, ROW_TEXT, "%lld %s %s %s %s %lld %lld %d %d", (long long)row->u.device.num,
			 bytes, row->u.device.hostname, row->u.device.os, row->u.device.agent,
			 (long long)row->u.device.first_seen, (long long)row->u.device.last_seen,
			 row->u.device.blocked, row->u.device.licensed);
		break;
	case LIST_ACTIVATION:
		hex(row->u.activation.id, DEVICE_ID, bytes);
		print_holding(&row->u.activation.holding, held, sizeof(held));
		snprintf(out, ROW_TEXT, "%s %s %lld %s %s", bytes, row->u.activation.hostname,
			 (long long)row->u.activation.grant, row->u.activation.state, held);
		break;
	case LIST_AUDIT:
	case LIST_AUDIT_END:
		hex(row->u.audit.hash, AUDIT_HASH, bytes);
		snprintf(out, ROW_TEXT, "%lld %lld %s %s %s %s %s", (long long)row->u.audit.seq,
			 (long long)row->u.audit.audit.at, row->u.audit.audit.actor,
			 row->u.audit.audit.action, row->u.audit.audit.object, row->u.audit.audit.detail,
			 bytes);
		break;
	case LIST_DAILY:
	case LIST_HISTORY:
		write_day(t->kind, row, out);
		break;
	case LIST_RECORD:
	case LIST_WAITING:
	case LIST_NEWEST:
		print_record(&row->u.record, out, ROW_TEXT);
		break;
	case LIST_SOURCES:
		snprintf(out, ROW_TEXT, "%s %lld ", row->u.source.group, (long long)row->u.source.circle);
		print_record(&row->u.source.record, out + strlen(out), ROW_TEXT - strlen(out));
		break;
	case LIST_HOLDERS:
		snprintf(out, ROW_TEXT, "%d %lld", (int)row->u.member.kind, (long long)row->u.member.num);
		break;
	case LIST_USER_DEVICES:
		hex(row->u.activation.id, DEVICE_ID, bytes);
		snprintf(out, ROW_TEXT, "%s %lld %s", bytes, (long long)row->u.activation.grant,
			 row->u.activation.user_name);
		break;
	case LIST_TAGGED:
	case LIST_STALE:
	case LIST_COUNT:
	case LIST_SKEW:
	case LIST_PROPOSALS:
		write_walk(t->kind, row, out);
		break;
	}
	t->n++;
	return 0;
}

/* Append a listing to the texts. */
static inline void list_from(struct store *from, const struct listing *l, struct texts *t)
{
	t->kind = l->kind;
	assert_int_equal(store_page(from, l, keep, t), 0);
}

static inline size_t list(const struct listing *l)
{
	here.n = 0;
	list_from(store, l, &here);
	return here.n;
}

static inline void dump_from(struct store *from, struct texts *t)
{
	t->n = 0;
	for (int kind = LIST_META; kind <= LIST_DAILY; kind++) {
		struct listing l = {.kind = (enum listing_kind)kind, .now = NOW};
		list_from(from, &l, t);
	}
	for (int kind = 0; kind < RECORD_KINDS; kind++) {
		struct record any = {.kind = (enum record_kind)kind};
		struct listing l = {.kind = LIST_RECORD, .like = &any, .now = NOW};
		list_from(from, &l, t);
	}
}

static inline void assert_same_texts(const struct texts *a, const struct texts *b)
{
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++)
		assert_string_equal(a->all[i], b->all[i]);
}

struct findings {
	int n;
	int codes[32];
};

static inline void find(int code, const char *text, void *context)
{
	struct findings *f = context;
	assert_non_null(text);
	if (f->n < 32)
		f->codes[f->n] = code;
	f->n++;
}

static inline struct findings check(void)
{
	struct findings f = {0};
	assert_int_equal(store_check(store, NOW, find, &f), 0);
	return f;
}

static inline int64_t devices(void)
{
	int64_t n = -1;
	assert_int_equal(store_devices(store, &n), 0);
	return n;
}

/* --- a little of everything --- */

static inline void fill(void)
{
	struct asker a = asker(1, 0);
	struct asker b = asker(2, 0);
	struct ratchet r = {
		.counter = 7, .token = {1}, .shown = {2}, .at = NOW - 60, .answer = {3, 4}, .answer_n = 2};
	begin();
	put_meta("ledger", "0123456789abcdef", 16);
	apply((struct effect){.kind = EFFECT_LICENSE,
			      .at = NOW,
			      .u.signed_file = {"k4.pid.v", NULL, "fjord-1", 3, "v4.public.license"}});
	apply((struct effect){
		.kind = EFFECT_CERTIFICATE,
		.at = NOW,
		.u.signed_file = {"k4.pid.v", "k4.public.v", "fjord-1", 0, "v4.public.certificate"}});
	put_grant(1, "cad-volume", "acme-cad", 30);
	put_grant(2, "cad-site", "acme-cad", 7);
	put_grant(3, "sim", "acme-sim", 30);
	put_device(1, &a, true, NOW - 100);
	put_device(2, &b, true, NOW - 50);
	put_holding(1, 1, none, active(NOW - 5 * (int64_t)DAY, NOW + 100 * (int64_t)DAY, 1));
	put_holding(2, 1, none, counted(NOW));
	put_holding(2, 3, none, active(NOW, 0, 2));
	put_ratchet(1, &r);
	apply((struct effect){
		.kind = EFFECT_MARKS, .grant = 1, .u.marks = {.reached = NOW - 9, .below_since = NOW - 8}});
	put_tally("granted", 1, NOW, 2);
	put_audit("host.certified", "fjord-1");
	put_audit("activation.granted", "x");
	commit();
}

static inline void change_everything(void)
{
	struct asker c = asker(3, 0);
	struct asker renamed = asker(1, 0);
	struct ratchet r = {.counter = 8};
	renamed.hostname = "other";
	put_meta("ledger", "x", 1);
	put_meta("more", "y", 1);
	apply((struct effect){.kind = EFFECT_LICENSE,
			      .at = NOW,
			      .u.signed_file = {"k4.pid.v", NULL, "fjord-1", 4, "v4.public.newer"}});
	apply((struct effect){.kind = EFFECT_CERTIFICATE,
			      .at = NOW,
			      .u.signed_file = {"k4.pid.w", "k4.public.w", "fjord-2", 0, "v4.public.other"}});
	put_grant(1, "cad-volume", "acme-other", 3);
	put_grant(4, "new", "acme-cad", 3);
	put_device(3, &c, true, NOW);
	put_device(1, &renamed, false, NOW);
	put_holding(1, 1, active(NOW - 5 * (int64_t)DAY, NOW + 100 * (int64_t)DAY, 1),
		    active(NOW, NOW + DAY, 2));
	put_holding(3, 1, none, counted(NOW));
	put_holding(3, 2, none, active(NOW, 0, 1));
	put_ratchet(1, &r);
	put_ratchet(3, &r);
	apply((struct effect){.kind = EFFECT_MARKS, .grant = 1, .u.marks = {.reached = 1}});
	put_tally("granted", 1, NOW, 5);
	put_tally("renewed", 1, NOW, 5);
	put_audit("three", "x");
	put_audit("four", "x");
}

static inline void fill_many(void)
{
	static const char *const states[] = {"active", "counted", "released", "ended"};
	begin();
	put_grant(1, "cad", "acme-cad", 30);
	put_grant(2, "sim", "acme-sim", 30);
	put_grant(3, "cad-2", "acme-cad", 30);
	for (int i = 1; i <= 23; i++) {
		struct asker a = asker((uint8_t)(i * 11), (uint8_t)i);
		put_device(i, &a, true, NOW - i);
		for (int g = 1; g <= 3; g++) {
			struct holding h = active(NOW - i, NOW + i * (int64_t)DAY, i);
			const char *what = states[(i + g) % 4];
			if (strcmp(what, "counted") == 0)
				h = counted(NOW - i);
			else if (strcmp(what, "released") == 0)
				h.state = HOLDING_RELEASED;
			else if (strcmp(what, "ended") == 0)
				h.expires = NOW - i;
			if (i % (g + 1) == 0)
				put_holding(i, g, none, h);
		}
		put_audit("row", "x");
		put_tally(i % 2 ? "granted" : "renewed", i % 3, NOW + i / 4 * DAY, i);
	}
	commit();
}

#define BOTH(test)                                                                                           \
	{"sqlite:" #test, test, open_store, close_store, &(struct backend){"sqlite", NULL}},                 \
	{                                                                                                    \
		"memory:" #test, test, open_store, close_store, &(struct backend)                            \
		{                                                                                            \
			"memory", "memory:"                                                                  \
		}                                                                                            \
	}

#endif
