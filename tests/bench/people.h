/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A made-up organisation over a ledger of bench_fill: groups in four levels, users in them, device groups,
 * and who gets what; all by the changes that administrators order. BENCHMARKS.md says how much of each.
 */
#ifndef BENCH_PEOPLE_H
#define BENCH_PEOPLE_H

#include <stdarg.h>

#include "change.h"
#include "host.h"

#define PEOPLE_LEVELS 4
#define PEOPLE_HUNDRED 100  /* members of the group of fixed size */
#define PEOPLE_HOLDERS 200  /* who have all seats of the scarce product, each directly */
#define PEOPLE_TEXT 160     /* bytes of the texts of one change, at most */
#define PEOPLE_AT_ONCE 2000 /* changes in one job */
#define PEOPLE_IMPORT 100000

/* A host with so much on record. */
struct side {
	struct bench_host host;
	const char *folder;
	uint32_t devices;
	uint32_t users;
	uint32_t groups;        /* of users */
	uint32_t device_groups; /* besides */
	uint32_t members;       /* devices in them */
	uint32_t picked;
	double users_per_s;  /* as the filling went */
	double assign_all_s; /* the product for everybody: one change */
	struct noise_pair owners[BENCH_OWNERS];
};

/* --- one job of changes --- */

struct script {
	struct job *job;
	char *room;
	size_t n;
};

static inline struct script script_new(size_t n)
{
	struct script s = {.job = job_new(JOB_CHANGE, 0)};
	bench_must(s.job ? 0 : E_NO_MEMORY, "job");
	s.job->orders = orders_new(n, n * PEOPLE_TEXT);
	bench_must(s.job->orders ? 0 : E_NO_MEMORY, "changes");
	s.job->orders->confirm = s.job->orders->may_guests = true;
	s.room = s.job->orders->room;
	strcpy(s.job->actor, "uid:0");
	return s;
}

static inline struct change *script_add(struct script *s, enum change_kind kind)
{
	struct change *c = &s->job->orders->changes[s->n++];
	c->kind = kind;
	return c;
}

static inline const char *script_text(struct script *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static inline const char *script_text(struct script *s, const char *format, ...)
{
	va_list args;
	char *at = s->room;
	va_start(args, format);
	s->room += vsnprintf(at, PEOPLE_TEXT, format, args) + 1;
	va_end(args);
	return at;
}

/* Run it; every change must have been carried out. The job is left to look at. */
static inline void script_run(struct side *s, struct script *script)
{
	struct orders *o = script->job->orders;
	o->n = script->n;
	broker_run(&s->host.broker, &script->job, 1, s->host.now);
	bench_must(script->job->code, "changes");
	for (size_t i = 0; i < o->n; i++)
		bench_must(o->changes[i].code, change_name(o->changes[i].kind));
}

static inline void script_end(struct side *s, struct script *script)
{
	script_run(s, script);
	job_free(script->job);
}

/* --- the organisation --- */

#define PEOPLE_USER "u%06u@fjord.test"
#define PEOPLE_GROUP "g%04u"
#define PEOPLE_DEVICES "d%04u" /* 0: the group above all others */

enum people_product {
	PRODUCT_SUITE,  /* everybody's, by the group above all others */
	PRODUCT_DRAFT,  /* of some departments, with one plan */
	PRODUCT_SHEET,  /* of every tenth user, directly */
	PRODUCT_SCARCE, /* all seats are taken, and a twentieth of the users waits */
	PRODUCT_SPOT,   /* nobody's yet */
	PRODUCT_EXTRA,  /* nobody's yet */
	PRODUCT_NEW,    /* nobody's yet */
	PRODUCT_KIOSK,  /* of the device groups */
	PRODUCT_BENCH,  /* no device's yet */
	PRODUCT_TOOL,   /* a pool */
	PEOPLE_PRODUCTS
};

static const char *const people_products[PEOPLE_PRODUCTS] = {"suite", "draft", "sheet", "scarce", "spot",
							     "extra", "new",   "kiosk", "bench",  "tool"};

static inline void people_license(struct side *s)
{
	static struct product products[PEOPLE_PRODUCTS];
	static struct grant grants[PEOPLE_PRODUCTS];
	struct license l = {.id = "bench-models",
			    .grants = grants,
			    .n_grants = PEOPLE_PRODUCTS,
			    .products = products,
			    .n_products = PEOPLE_PRODUCTS};
	for (int i = 0; i < PEOPLE_PRODUCTS; i++) {
		enum model model = i == PRODUCT_TOOL    ? MODEL_POOL
				   : i >= PRODUCT_KIOSK ? MODEL_DEVICE
							: MODEL_USER;
		products[i] = (struct product){
			.plans = {{.id = "read", .name = "Read"}, {.id = "write", .name = "Write"}},
			.n_plans = 2};
		snprintf(products[i].id, sizeof(products[i].id), "%s", people_products[i]);
		snprintf(products[i].name, sizeof(products[i].name), "Bench %s", people_products[i]);
		grants[i] = (struct grant){.model = model,
					   .quantity = i == PRODUCT_SCARCE ? PEOPLE_HOLDERS : 10000000,
					   .policy = model_policy(model)};
		grants[i].policy.enrol = ENROL_OPEN;
		snprintf(grants[i].id, sizeof(grants[i].id), "%s-grant", people_products[i]);
		snprintf(grants[i].product, sizeof(grants[i].product), "%s", people_products[i]);
	}
	bench_license(&s->host, &l);
}

/* The next of n, spread over all of them, none twice before all were once. n: no multiple of 611,953. */
static inline uint32_t people_pick(struct side *s, uint32_t n)
{
	return (uint32_t)((uint64_t)s->picked++ * 611953 % n);
}

/* How many groups one holds, so that there are four levels; and the first of the lowest. */
static inline uint32_t people_fan(uint32_t groups, uint32_t *ret_lowest)
{
	uint32_t fan = 1;
	while (1 + fan + fan * fan + fan * fan * fan < groups)
		fan++;
	*ret_lowest = 1 + fan + fan * fan;
	return fan;
}

/* A lowest group; few of them are large: the first of n has 1/sqrt(n) of all users. */
static inline uint32_t people_group_of(const struct side *s, uint32_t user)
{
	uint32_t lowest;
	people_fan(s->groups, &lowest);
	uint64_t r = (uint64_t)user * 2654435761u % 65536;
	return lowest + (uint32_t)(r * r * (s->groups - lowest) >> 32);
}

/* The device of a place among the members of device groups. */
static inline uint32_t people_member(const struct side *s, uint32_t place)
{
	return place * (s->devices / s->members);
}

static inline void people_device(const struct side *s, uint32_t number, uint8_t id[DEVICE_ID])
{
	uint8_t sign[PASETO_PUBLIC];
	bench_sign(number, sign);
	device_id(s->owners[number % BENCH_OWNERS].public, sign, id);
}

/* Who holds a seat of the scarce product, directly. */
static inline uint32_t people_holder(uint32_t place)
{
	return place / 5 * 20 + 2 + place % 5;
}

static inline void add_groups(struct side *s)
{
	uint32_t lowest;
	uint32_t fan = people_fan(s->groups, &lowest);
	struct script script = script_new(2 * (s->groups + s->device_groups) + 2);
	for (uint32_t i = 0; i < s->groups + s->device_groups; i++) {
		struct change *add = script_add(&script, CHANGE_GROUP_ADD);
		bool devices = i >= s->groups;
		uint32_t number = devices ? i - s->groups : i;
		const char *name = devices ? script_text(&script, PEOPLE_DEVICES, number)
					   : script_text(&script, PEOPLE_GROUP, number);
		add->group = name;
		add->devices = devices;
		if (!number)
			continue;
		struct change *put = script_add(&script, CHANGE_MEMBER_ADD);
		put->member = name;
		put->devices = devices;
		put->group = devices ? script_text(&script, PEOPLE_DEVICES, 0)
				     : script_text(&script, PEOPLE_GROUP, (number - 1) / fan);
	}
	script_add(&script, CHANGE_GROUP_ADD)->group = "hundred";
	script_add(&script, CHANGE_GROUP_ADD)->group = "crowd";
	script_end(s, &script);
}

static inline void people_groups_of(const struct side *s, uint32_t user, char *out, size_t room)
{
	int n = snprintf(out, room, PEOPLE_GROUP, people_group_of(s, user));
	if (user % 5 == 0)
		n += snprintf(out + n, room - (size_t)n, "," PEOPLE_GROUP, people_group_of(s, user + 1));
	if (user % 20 == 1)
		n += snprintf(out + n, room - (size_t)n, ",crowd");
	if (user % (s->users / PEOPLE_HUNDRED) == 0)
		snprintf(out + n, room - (size_t)n, ",hundred");
}

static inline void add_users(struct side *s)
{
	double begin = bench_now();
	for (uint32_t done = 0; done < s->users;) {
		uint32_t n = s->users - done < PEOPLE_AT_ONCE ? s->users - done : PEOPLE_AT_ONCE;
		struct script script = script_new(n);
		for (uint32_t i = done; i < done + n; i++) {
			struct change *c = script_add(&script, CHANGE_USER_ADD);
			char groups[64];
			people_groups_of(s, i, groups, sizeof(groups));
			c->user = script_text(&script, PEOPLE_USER, i);
			c->groups = script_text(&script, "%s", groups);
		}
		script_end(s, &script);
		done += n;
	}
	s->users_per_s = s->users / (bench_now() - begin);
}

static inline int64_t people_circle(struct side *s, enum circle_kind kind, const char *format,
				    uint32_t number)
{
	char name[LIMIT_ID + 1];
	struct record like = {.kind = RECORD_CIRCLE, .u.circle = {.kind = (int64_t)kind, .name = name}};
	int64_t num = 0;
	snprintf(name, sizeof(name), format, number);
	bench_must(store_find_num(s->host.store, &like, BY(circle, kind) | BY(circle, name), &num), name);
	bench_must(num ? 0 : E_NOT_FOUND, name);
	return num;
}

/* Into the lowest device groups, before anything is assigned to them: nothing follows from it yet. */
static inline void add_members(struct side *s)
{
	bench_must(store_begin(s->host.store), "begin");
	for (uint32_t g = 1; g < s->device_groups; g++) {
		int64_t circle = people_circle(s, CIRCLE_DEVICES, PEOPLE_DEVICES, g);
		for (uint32_t i = g - 1; i < s->members; i += s->device_groups - 1) {
			struct record member = {.kind = RECORD_MEMBERSHIP,
						.u.membership = {.kind = MEMBER_DEVICE,
								 .member = people_member(s, i) + 1,
								 .circle = circle}};
			bench_must(store_put(s->host.store, &member), "member");
		}
	}
	bench_must(store_commit(s->host.store), "commit");
}

static inline struct change *assign(struct script *script, enum people_product product)
{
	struct change *c = script_add(script, CHANGE_ASSIGN);
	c->product = people_products[product];
	return c;
}

/* The scarce product first to its holders: nobody of the crowd gets a seat. */
static inline void assign_all(struct side *s)
{
	struct script one = script_new(1);
	assign(&one, PRODUCT_SUITE)->group = script_text(&one, PEOPLE_GROUP, 0);
	double begin = bench_now();
	script_end(s, &one);
	s->assign_all_s = bench_now() - begin;
	struct script script = script_new(s->users / 10 + s->groups + PEOPLE_HOLDERS + 2);
	for (uint32_t i = 1; i < s->groups; i += 3) {
		struct change *c = assign(&script, PRODUCT_DRAFT);
		c->group = script_text(&script, PEOPLE_GROUP, i);
		c->plans = "read";
	}
	for (uint32_t i = 0; i < s->users; i += 10)
		assign(&script, PRODUCT_SHEET)->user = script_text(&script, PEOPLE_USER, i);
	for (uint32_t i = 0; i < PEOPLE_HOLDERS; i++)
		assign(&script, PRODUCT_SCARCE)->user = script_text(&script, PEOPLE_USER, people_holder(i));
	assign(&script, PRODUCT_SCARCE)->group = "crowd";
	assign(&script, PRODUCT_KIOSK)->device_group = script_text(&script, PEOPLE_DEVICES, 0);
	script_end(s, &script);
}

/* Devices that nobody has heard of for long, and that never held anything. */
static inline void people_stale(struct side *s, uint32_t n)
{
	struct asker asker = {.hostname = "gone", .os = BENCH_OS, .agent = BENCH_AGENT};
	struct device_facts facts;
	bench_must(store_begin(s->host.store), "begin");
	for (uint32_t i = 0; i < n; i++) {
		randombytes_buf(asker.id, sizeof(asker.id));
		bench_must(store_facts(s->host.store, &asker, s->host.now, &facts, NULL, 0), "facts");
		struct effect effect = {.kind = EFFECT_DEVICE,
					.device = facts.device,
					.at = s->host.now - BENCH_YEAR,
					.u.device_row = {&asker, true}};
		bench_must(store_apply(s->host.store, &effect), "device");
	}
	bench_must(store_commit(s->host.store), "commit");
}

/* Over a folder that bench_fill has filled. It is closed and opened again behind the work, as if restarted.
 */
static inline void people_open(struct side *s, const char *folder, uint32_t users, uint32_t groups)
{
	int64_t devices;
	s->folder = folder;
	s->users = users;
	s->device_groups = groups / 5;
	s->groups = groups - s->device_groups;
	for (uint32_t i = 0; i < BENCH_OWNERS; i++)
		bench_owner(i, &s->owners[i]);
	bench_host_open(&s->host, folder);
	bench_must(store_devices(s->host.store, &devices), "devices");
	s->devices = (uint32_t)devices;
	s->members = s->devices / 10 > 400 ? s->devices / 10 : 400;
	bench_must(s->users >= 1000 && s->devices >= 1000 && groups >= 25 ? 0 : E_BAD_REQUEST,
		   "at least 1,000 devices, 1,000 users, 25 groups");
	people_license(s);
	add_groups(s);
	add_users(s);
	add_members(s);
	assign_all(s);
	bench_host_close(&s->host);
	bench_host_open(&s->host, folder);
}

#endif
