/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An organisation on a host without network: a license with grants of every model, administrators' changes in
 * short, people and machines by name, and looking at who has a seat.
 */
#ifndef TESTS_ORG_H
#define TESTS_ORG_H

#include "host.h"

#include "base64url.h"
#include "change.h"
#include "revocations.h"

/* --- the license --- */

static int64_t org_serial;

/* A grant of "acme-cad" with its model's usual policy, open to every device. */
static inline struct grant org_grant(const char *id, enum model model, int64_t quantity)
{
	struct grant g = {.product = "acme-cad",
			  .model = model,
			  .quantity = quantity,
			  .policy = model_policy(model),
			  .nbf = NOW - 100 * (int64_t)DAY,
			  .key_salt = {9}};
	snprintf(g.id, sizeof(g.id), "%s", id);
	g.policy.enrol = ENROL_OPEN;
	return g;
}

/* "acme-cad" with plans of which draft excludes modeler and extra needs render, and "acme-sim" without any.
 */
static inline void org_products(struct product out[2])
{
	out[0] = (struct product){.id = "acme-cad",
				  .name = "Acme CAD",
				  .plans = {{.id = "modeler"},
					    {.id = "render"},
					    {.id = "draft", .conflicts = 1},
					    {.id = "extra", .requires = 2}},
				  .n_plans = 4};
	out[1] = (struct product){.id = "acme-sim", .name = "Acme Sim"};
}

/* Give a grant some of the plans of "acme-cad". */
static inline struct grant with_plans(struct grant g, const char *a, const char *b)
{
	snprintf(g.plans[g.n_plans++], LIMIT_ID + 1, "%s", a);
	if (b)
		snprintf(g.plans[g.n_plans++], LIMIT_ID + 1, "%s", b);
	return g;
}

/* The next license over these grants, changed by `change` (may be NULL) before it is signed. */
static inline int org_license_with(struct grant *grants, size_t n, void (*change)(struct license *))
{
	struct product products[2];
	org_products(products);
	struct license l = fixture_license(&vendor, ++org_serial, grants, n, products, 2);
	if (change)
		change(&l);
	return install_license(fixture_license_token(&vendor, &l));
}

static inline void org_license(struct grant *grants, size_t n)
{
	assert_int_equal(org_license_with(grants, n, NULL), 0);
}

/* A certified host with these grants. */
static inline void org_open(struct grant *grants, size_t n)
{
	org_serial = 0;
	certify();
	org_license(grants, n);
}

/* One grant of users' seats. Those of acme-cad have the plans modeler and render. */
static inline void org_users(int64_t quantity)
{
	struct grant g = with_plans(org_grant("cad-users", MODEL_USER, quantity), "modeler", "render");
	org_open(&g, 1);
}

static inline int org_revoke(const struct revocations *of)
{
	static int64_t number;
	char *token;
	struct revocations list = *of;
	list.number = ++number;
	memcpy(list.head.iss, vendor.pid, sizeof(list.head.iss));
	list.head.iat = NOW;
	snprintf(list.head.jti, sizeof(list.head.jti), "list-%d", (int)number);
	assert_int_equal(revocations_sign(&list, vendor.secret, &token), 0);
	return run_and_free(install_job(JOB_INSTALL_REVOCATIONS, token));
}

/* --- changes --- */

#define DRY_RUN 1
#define CONFIRM 2
#define NO_OWNER 4

static struct change done; /* the last change of the last order */
static struct change_effect effects[LIMIT_PRODUCTS];
static size_t n_effects;
static struct numbers order_numbers; /* behind the refusal of the whole */

/* The texts of the changes must outlive the job. */
static inline struct job *order_job(const struct change *changes, size_t n, int flags)
{
	struct job *job = job_new(JOB_CHANGE, 0);
	assert_non_null(job);
	job->orders = orders_new(n, 0);
	assert_non_null(job->orders);
	memcpy(job->orders->changes, changes, n * sizeof(*changes));
	job->orders->dry_run = (flags & DRY_RUN) != 0;
	job->orders->confirm = (flags & CONFIRM) != 0;
	job->orders->may_guests = (flags & NO_OWNER) == 0;
	strcpy(job->actor, "uid:0");
	return job;
}

static inline void order_look(const struct job *job)
{
	const struct orders *o = job->orders;
	n_effects = o->n_effects;
	memcpy(effects, o->effects, sizeof(effects));
	order_numbers = job->numbers;
	if (o->n)
		done = o->changes[o->n - 1];
}

/* Run changes as one transaction; the code of the whole, or else of the last that was refused. */
static inline int order_many(const struct change *changes, size_t n, int flags)
{
	struct job *job = order_job(changes, n, flags);
	run(job);
	order_look(job);
	int code = job->code;
	for (size_t i = n; i > 0 && !code; i--)
		code = job->orders->changes[i - 1].code;
	job_free(job);
	return code;
}

static inline int order(struct change c)
{
	return order_many(&c, 1, 0);
}

static inline void must(struct change c)
{
	int code = order(c);
	if (code)
		print_error("%s: %s: %s\n", change_name(c.kind), error_name(code), done.detail);
	assert_int_equal(code, 0);
}

#define ADD_USER(name) ((struct change){.kind = CHANGE_USER_ADD, .user = (name)})
#define ADD_GROUP(name) ((struct change){.kind = CHANGE_GROUP_ADD, .group = (name)})
#define JOIN(who, name) ((struct change){.kind = CHANGE_MEMBER_ADD, .group = (name), .user = (who)})
#define LEAVE(who, name) ((struct change){.kind = CHANGE_MEMBER_REMOVE, .group = (name), .user = (who)})
#define NEST(inner, outer) ((struct change){.kind = CHANGE_MEMBER_ADD, .group = (outer), .member = (inner)})
#define UNNEST(inner, outer)                                                                                 \
	((struct change){.kind = CHANGE_MEMBER_REMOVE, .group = (outer), .member = (inner)})
#define ASSIGN(who) ((struct change){.kind = CHANGE_ASSIGN, .user = (who), .product = "acme-cad"})
#define UNASSIGN(who) ((struct change){.kind = CHANGE_UNASSIGN, .user = (who), .product = "acme-cad"})
#define ASSIGN_GROUP(name) ((struct change){.kind = CHANGE_ASSIGN, .group = (name), .product = "acme-cad"})
#define UNASSIGN_GROUP(name)                                                                                 \
	((struct change){.kind = CHANGE_UNASSIGN, .group = (name), .product = "acme-cad"})

/* "u0", "u1", ...; live for ever. */
static inline const char *user_name(size_t i)
{
	static char names[12000][16];
	assert_true(i < 12000);
	snprintf(names[i], sizeof(names[i]), "u%u", (unsigned)i);
	return names[i];
}

/* Add the users u0 to u(n-1) in one order. */
static inline void add_users(size_t n)
{
	struct change *all = calloc(n, sizeof(*all));
	assert_non_null(all);
	for (size_t i = 0; i < n; i++)
		all[i] = ADD_USER(user_name(i));
	assert_int_equal(order_many(all, n, 0), 0);
	free(all);
}

/* --- looking --- */

struct grant_view {
	const char *id;
	struct row row;
	bool found;
};

static inline int look_at_grant(const struct row *row, void *context)
{
	struct grant_view *v = context;
	if (strcmp(row->u.grant.id, v->id) != 0)
		return 0;
	v->row = *row;
	v->found = true;
	return 1;
}

/* The row of a grant by its id; its texts are not to be looked at. */
static inline struct row grant_named(const char *id)
{
	struct grant_view v = {.id = id};
	struct listing l = {.kind = LIST_GRANT, .now = now};
	assert_true(store_page(flaky.inner, &l, look_at_grant, &v) >= 0);
	assert_true(v.found);
	return v.row;
}

static inline int64_t seats_of(const char *grant)
{
	return grant_named(grant).u.grant.seats;
}

static inline int64_t user_num(const char *name)
{
	int64_t num;
	struct record like = {.kind = RECORD_USER, .u.user.name = name};
	assert_int_equal(store_find_num(flaky.inner, &like, BY(user, name), &num), 0);
	return num;
}

/* The seat of a holder; num 0 when it has none. Its texts live until the next call. */
static inline struct record_copy seat_of_holder(enum member_kind kind, int64_t holder, const char *product)
{
	static struct record_copy seat;
	struct record like = {.kind = RECORD_SEAT,
			      .u.seat = {.kind = (int64_t)kind, .holder = holder, .product = product}};
	int error =
		store_find(flaky.inner, &like, BY(seat, kind) | BY(seat, holder) | BY(seat, product), &seat);
	assert_true(error == 0 || error == E_NOT_FOUND);
	if (error)
		seat.record = (struct record){.u.seat.detail = ""};
	return seat;
}

static inline bool has_seat(const char *user)
{
	return seat_of_holder(MEMBER_USER, user_num(user), "acme-cad").record.u.seat.entitlement != 0;
}

/* Why the user has not what is wanted; 0: there is nothing to say. */
static inline int seat_code(const char *user)
{
	return (int)seat_of_holder(MEMBER_USER, user_num(user), "acme-cad").record.u.seat.code;
}

static inline int count_row(const struct row *row, void *context)
{
	(void)row;
	++*(int64_t *)context;
	return 0;
}

static inline int64_t records(enum record_kind kind)
{
	int64_t n = 0;
	struct record any = {.kind = kind};
	struct listing l = {.kind = LIST_RECORD, .like = &any};
	assert_int_equal(store_page(flaky.inner, &l, count_row, &n), 0);
	return n;
}

/* --- the whole store as one hash --- */

static inline void hash_text(crypto_generichash_state *h, const char *text)
{
	crypto_generichash_update(h, (const uint8_t *)text, strlen(text) + 1);
}

static inline void hash_record(crypto_generichash_state *h, const struct record *r)
{
	size_t n;
	const struct record_field *f = record_fields(r->kind, &n);
	crypto_generichash_update(h, (const uint8_t *)&r->num, sizeof(r->num));
	for (size_t i = 0; i < n; i++) {
		int64_t value = f[i].type == FIELD_INT ? record_int(r, &f[i]) : 0;
		struct bytes b = f[i].type == FIELD_BYTES ? record_bytes(r, &f[i]) : (struct bytes){"", 0};
		crypto_generichash_update(h, (const uint8_t *)&value, sizeof(value));
		if (f[i].type == FIELD_TEXT)
			hash_text(h, record_text(r, &f[i]));
		if (b.n)
			crypto_generichash_update(h, b.at, b.n);
	}
}

struct hashing {
	crypto_generichash_state state;
	enum listing_kind kind;
};

static inline int hash_row(const struct row *row, void *context)
{
	struct hashing *h = context;
	char line[400] = "";
	const struct holding *held = &row->u.activation.holding;
	if (h->kind == LIST_RECORD)
		hash_record(&h->state, &row->u.record);
	else if (h->kind == LIST_GRANT)
		snprintf(line, sizeof(line), "%lld %lld %lld %lld %lld %lld", (long long)row->u.grant.num,
			 (long long)row->u.grant.count, (long long)row->u.grant.active,
			 (long long)row->u.grant.seats, (long long)row->u.grant.marks.cancelled,
			 (long long)row->u.grant.marks.extra);
	else if (h->kind == LIST_DEVICE)
		snprintf(line, sizeof(line), "%lld %s %lld %d %d %d", (long long)row->u.device.num,
			 row->u.device.hostname, (long long)row->u.device.last_seen, row->u.device.blocked,
			 row->u.device.shared, row->u.device.approved);
	else if (h->kind == LIST_ACTIVATION)
		snprintf(line, sizeof(line), "%lld %lld %lld %d %lld %lld %lld %u",
			 (long long)row->u.activation.num, (long long)row->u.activation.grant,
			 (long long)row->u.activation.user, (int)held->state, (long long)held->contacted,
			 (long long)held->expires, (long long)held->serial, held->units);
	else if (h->kind == LIST_AUDIT)
		crypto_generichash_update(&h->state, row->u.audit.hash, AUDIT_HASH);
	else if (h->kind == LIST_DAILY)
		snprintf(line, sizeof(line), "%d %s %lld %lld", row->u.daily.day, row->u.daily.what,
			 (long long)row->u.daily.grant, (long long)row->u.daily.n);
	hash_text(&h->state, line);
	return 0;
}

/* Of all that listings show. */
struct store_hash {
	uint8_t bytes[32];
};

static inline struct store_hash hash_store(void)
{
	static const enum listing_kind kinds[] = {LIST_GRANT, LIST_DEVICE, LIST_ACTIVATION, LIST_AUDIT,
						  LIST_DAILY};
	struct store_hash ret;
	struct hashing h;
	run_and_free(job_new(JOB_POLICY, 0)); /* the day's first rows of peaks are not what is looked at */
	crypto_generichash_init(&h.state, NULL, 0, sizeof(ret.bytes));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct listing l = {.kind = h.kind = kinds[i], .now = now};
		assert_int_equal(store_page(flaky.inner, &l, hash_row, &h), 0);
	}
	for (int kind = 0; kind < RECORD_KINDS; kind++) {
		struct record any = {.kind = (enum record_kind)kind};
		struct listing l = {.kind = h.kind = LIST_RECORD, .like = &any};
		assert_int_equal(store_page(flaky.inner, &l, hash_row, &h), 0);
	}
	crypto_generichash_final(&h.state, ret.bytes, sizeof(ret.bytes));
	return ret;
}

static inline void assert_same_store(struct store_hash before)
{
	struct store_hash after = hash_store();
	assert_memory_equal(before.bytes, after.bytes, sizeof(after.bytes));
}

/* --- people and machines --- */

/* More machines than machine() knows. */
static inline struct machine numbered(uint32_t number)
{
	return (struct machine){.id = {(uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number, 3}};
}

static inline const char *machine_text(const struct machine *m, char out[DEVICE_ID_TEXT])
{
	device_id_write(m->id, out);
	return out;
}

static struct job_line answered; /* the first line of the last request; its lease is gone */

static inline int finish_request(struct machine *m, struct job *job)
{
	run(job);
	learn(m, job);
	int code = job->code ? job->code : job->lines[0].answer.code;
	answered = job->lines[0];
	answered.lease = answered.certificate = NULL;
	job_free(job);
	return code;
}

/* Ask as a user. */
static inline int ask_as(struct machine *m, enum job_kind kind, const char *user)
{
	struct job *job = request(m, kind, true);
	snprintf(job->lines[0].user, sizeof(job->lines[0].user), "%s", user);
	return finish_request(m, job);
}

/* Ask with a key, as it is typed. */
static inline int ask_with(struct machine *m, enum job_kind kind, const char *typed)
{
	struct job *job = request(m, kind, true);
	assert_int_equal(keycode_read(typed, KEYCODE_KEY, job->lines[0].key), 0);
	return finish_request(m, job);
}

/* Sign in with a code as it is typed; "" for none. */
static inline int sign_in(struct machine *m, const char *user, const char *typed)
{
	struct job *job = request(m, JOB_SIGN_IN, true);
	snprintf(job->lines[0].user, sizeof(job->lines[0].user), "%s", user);
	if (*typed) {
		char bare[KEYCODE_KEY + 1];
		assert_int_equal(keycode_read(typed, KEYCODE_CODE, bare), 0);
		memcpy(job->signin_code, bare, sizeof(job->signin_code));
	}
	return finish_request(m, job);
}

/* A fresh code for the user; into out. */
static inline const char *new_code(const char *user, char out[KEYCODE_TEXT])
{
	must((struct change){.kind = CHANGE_SIGNIN_CODE, .user = user});
	memcpy(out, done.output, KEYCODE_TEXT);
	return out;
}

/* Sign the user in on the machine with a fresh code. */
static inline int sign_in_fresh(struct machine *m, const char *user)
{
	char code[KEYCODE_TEXT];
	return sign_in(m, user, new_code(user, code));
}

static inline void sweep(void)
{
	assert_int_equal(run_and_free(job_new(JOB_SWEEP, 0)), 0);
}

#endif
