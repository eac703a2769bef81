/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What administrators and seats cost as a ledger grows: a small and a large one, both filled by bench_fill,
 * get an organisation (people.h) each, and then the same work is done on both in turns.
 *
 * bench_models SMALL_DIR USERS GROUPS LARGE_DIR USERS GROUPS [MEASURE...]     without names: all
 */
#include "people.h"
#include "window.h"

#define ROUNDS 5 /* behind one that warms up */
#define BATCH 40 /* requests in one transaction */
#define SEEN_MAX 2048
#define STALE 250 /* forgotten by one sweep */

/* A device as it remembers its host. */
struct seen {
	uint32_t number;
	uint64_t counter;
	uint8_t id[DEVICE_ID];
	uint8_t ratchet[RATCHET];
};

struct subject {
	struct side side;
	struct store *reader;
	struct seen seen[SEEN_MAX];
	size_t n_seen;
	uint32_t done; /* operations of the measure at hand */
	int64_t first_stale;
};

/* --- requests of devices --- */

/* Its ratchet is made of what the host remembers of its last request, whichever that was. */
static struct seen *see(struct subject *s, uint32_t number)
{
	const struct bench_host *h = &s->side.host;
	struct asker asker = {.hostname = "", .os = "", .agent = ""};
	struct device_facts facts;
	for (size_t i = 0; i < s->n_seen; i++)
		if (s->seen[i].number == number)
			return &s->seen[i];
	bench_must(s->n_seen < SEEN_MAX ? 0 : E_TOO_LARGE, "devices seen");
	struct seen *d = &s->seen[s->n_seen++];
	*d = (struct seen){.number = number};
	people_device(&s->side, number, d->id);
	memcpy(asker.id, d->id, DEVICE_ID);
	bench_must(store_facts(h->store, &asker, h->now, &facts, NULL, 0), "facts");
	bench_must(facts.known ? 0 : E_NOT_FOUND, "a filled device");
	d->counter = facts.ratchet.counter;
	ratchet_make(h->key->ratchet, d->id, d->counter, facts.ratchet.token, d->ratchet);
	return d;
}

static struct job *ask(enum job_kind kind, const struct seen *d, enum people_product product)
{
	struct job *job = job_new(kind, 1);
	bench_must(job ? 0 : E_NO_MEMORY, "job");
	memcpy(job->device, d->id, DEVICE_ID);
	bench_hostname(d->number, job->hostname);
	strcpy(job->os, BENCH_OS);
	strcpy(job->agent, BENCH_AGENT);
	strcpy(job->lines[0].product, people_products[product]);
	randombytes_buf(job->shown.token, REQUEST_TOKEN);
	memcpy(job->shown.ratchet, d->ratchet, RATCHET);
	job->shown.counter = d->counter;
	return job;
}

/* Run them as one batch; each must be granted, and in step. */
static void grant(struct subject *s, struct job **jobs, struct seen **devices, size_t n)
{
	broker_run(&s->side.host.broker, jobs, n, s->side.host.now);
	for (size_t i = 0; i < n; i++) {
		bench_must(jobs[i]->code ? jobs[i]->code : jobs[i]->lines[0].answer.code, "request");
		bench_must(jobs[i]->mismatched || jobs[i]->repeated ? E_INTERNAL : 0, "ratchet");
		bench_must(jobs[i]->kind == JOB_SIGN_OUT || jobs[i]->lines[0].lease ? 0 : E_INTERNAL,
			   "lease");
		memcpy(devices[i]->ratchet, jobs[i]->ratchet, RATCHET);
		devices[i]->counter = jobs[i]->counter;
		job_free(jobs[i]);
	}
}

/* Members of device groups, spread evenly; the same ones each time they are asked. */
static struct seen *member(struct subject *s, uint32_t place)
{
	return see(s, people_member(&s->side, place * (s->side.members / ((ROUNDS + 1) * BATCH))));
}

static void of_members(struct subject *s, enum job_kind kind)
{
	struct job *jobs[BATCH];
	struct seen *devices[BATCH];
	for (uint32_t i = 0; i < BATCH; i++) {
		devices[i] = member(s, s->done * BATCH + i);
		jobs[i] = ask(kind, devices[i], PRODUCT_KIOSK);
	}
	grant(s, jobs, devices, BATCH);
}

static void activate(struct subject *s)
{
	of_members(s, JOB_ACTIVATE);
}

static void renew(struct subject *s)
{
	of_members(s, JOB_RENEW);
}

/* A code, with it a sign-in that activates, and a sign-out. */
static void sign_in(struct subject *s)
{
	char bare[KEYCODE_KEY + 1];
	struct script script = script_new(1);
	struct change *code = script_add(&script, CHANGE_SIGNIN_CODE);
	struct seen *d = see(s, people_pick(&s->side, s->side.devices));
	code->user = script_text(&script, PEOPLE_USER, people_pick(&s->side, s->side.users));
	script_run(&s->side, &script);
	struct job *in = ask(JOB_SIGN_IN, d, PRODUCT_SUITE);
	strcpy(in->lines[0].user, code->user);
	bench_must(keycode_read(code->output, KEYCODE_CODE, bare), "code");
	snprintf(in->signin_code, sizeof(in->signin_code), "%.16s", bare);
	grant(s, &in, &d, 1);
	struct job *out = ask(JOB_SIGN_OUT, d, PRODUCT_SUITE);
	out->lines[0].product[0] = 0;
	strcpy(out->lines[0].user, code->user);
	grant(s, &out, &d, 1);
	job_free(script.job);
}

/* The pool's devices look alike in pairs, so that the second one of each makes the host look for the first.
 */
static void of_pool(struct subject *s, uint32_t pair, uint32_t which)
{
	static const uint8_t kinds[] = {1, 2, 3, 4, 5, 6, 7};
	struct seen *d = see(s, (pair * 2 + which + 1) * (s->side.devices / 500) + 1);
	struct job *job = ask(JOB_ACTIVATE, d, PRODUCT_TOOL);
	struct hardware *h = &job->lines[0].machine;
	h->n = sizeof(kinds);
	for (size_t i = 0; i < h->n; i++) {
		h->parts[i].kind = kinds[i];
		h->parts[i].tag = (uint16_t)(pair * 8 + i);
	}
	grant(s, &job, &d, 1);
}

#define POOL_TIMES 20

static void prepare_pool(struct subject *s)
{
	for (uint32_t i = 0; i < (ROUNDS + 1) * POOL_TIMES; i++)
		of_pool(s, i, 0);
}

static void activate_pool(struct subject *s)
{
	of_pool(s, s->done, 1);
}

/* --- changes of administrators --- */

static void order(struct subject *s, enum change_kind kind, enum people_product product, const char *user,
		  const char *device, const char *group)
{
	struct script script = script_new(1);
	struct change *c = script_add(&script, kind);
	c->product = people_products[product];
	c->user = user;
	c->device = device;
	c->group = group;
	script_end(&s->side, &script);
}

static void assign_user(struct subject *s)
{
	char user[64];
	snprintf(user, sizeof(user), PEOPLE_USER, people_pick(&s->side, s->side.users));
	order(s, CHANGE_ASSIGN, PRODUCT_SPOT, user, NULL, NULL);
	order(s, CHANGE_UNASSIGN, PRODUCT_SPOT, user, NULL, NULL);
}

static void assign_device(struct subject *s)
{
	uint8_t id[DEVICE_ID];
	char device[DEVICE_ID_TEXT];
	people_device(&s->side, people_pick(&s->side, s->side.devices), id);
	device_id_write(id, device);
	order(s, CHANGE_ASSIGN, PRODUCT_BENCH, NULL, device, NULL);
	order(s, CHANGE_UNASSIGN, PRODUCT_BENCH, NULL, device, NULL);
}

static void assign_group(struct subject *s)
{
	order(s, CHANGE_ASSIGN, PRODUCT_EXTRA, NULL, NULL, "hundred");
	order(s, CHANGE_UNASSIGN, PRODUCT_EXTRA, NULL, NULL, "hundred");
}

/* One holder loses the scarce product, and one of the many who wait gets it. */
static void free_seat(struct subject *s)
{
	struct script script = script_new(1);
	struct change *c = script_add(&script, CHANGE_UNASSIGN);
	c->product = people_products[PRODUCT_SCARCE];
	c->user = script_text(&script, PEOPLE_USER, people_holder(s->done));
	script_run(&s->side, &script);
	const struct change_effect *e = &script.job->orders->effects[0];
	bench_must(e->gained == 1 && e->lost == 1 ? 0 : E_INTERNAL, "a seat that was freed");
	job_free(script.job);
}

/* Block a device, let it in again, and take its activation away. */
static void help(struct subject *s)
{
	static const enum change_kind kinds[] = {CHANGE_DEVICE_BLOCK, CHANGE_DEVICE_UNBLOCK,
						 CHANGE_ACTIVATION_RELEASE};
	struct script script = script_new(3);
	uint8_t id[DEVICE_ID];
	char device[DEVICE_ID_TEXT];
	people_device(&s->side, people_pick(&s->side, s->side.devices), id);
	device_id_write(id, device);
	for (int i = 0; i < 3; i++)
		script_add(&script, kinds[i])->device = device;
	script_end(&s->side, &script);
}

/* 100,000 new users, each in a group and with a product: all in one transaction. */
static void import(struct subject *s)
{
	struct script script = script_new(2 * PEOPLE_IMPORT);
	for (uint32_t i = 0; i < PEOPLE_IMPORT; i++) {
		const char *user = script_text(&script, "new%06u@fjord.test", i);
		struct change *c = script_add(&script, CHANGE_USER_ADD);
		c->user = user;
		c->groups = script_text(&script, PEOPLE_GROUP, people_group_of(&s->side, i));
		assign(&script, PRODUCT_NEW)->user = user;
	}
	script_end(&s->side, &script);
}

/* --- what is read --- */

static int count_row(const struct row *row, void *context)
{
	(void)row;
	++*(int64_t *)context;
	return 0;
}

static int64_t listed(struct store *reader, const struct listing *l)
{
	int64_t n = 0;
	bench_must(store_page(reader, l, count_row, &n), "listing");
	return n;
}

static int name_group(const struct row *row, void *context)
{
	struct record like = {.kind = RECORD_CIRCLE};
	struct listing one = {.kind = LIST_RECORD,
			      .like = &like,
			      .after = {row->u.record.u.membership.circle - 1},
			      .limit = 1};
	return listed(context, &one) == 1 ? 0 : E_NOT_FOUND;
}

/* What GET /v1/users/NAME reads of one user. */
static void rights(struct subject *s)
{
	char name[64];
	int64_t user;
	struct record like = {.kind = RECORD_USER, .u.user.name = name};
	snprintf(name, sizeof(name), PEOPLE_USER, people_pick(&s->side, s->side.users));
	bench_must(store_find_num(s->reader, &like, BY(user, name), &user), "user");
	struct record member = {.kind = RECORD_MEMBERSHIP,
				.u.membership = {.kind = MEMBER_USER, .member = user}};
	struct record seat = {.kind = RECORD_SEAT, .u.seat = {.kind = MEMBER_USER, .holder = user}};
	struct record binding = {.kind = RECORD_BINDING, .u.binding.user = user};
	struct listing groups = {
		.kind = LIST_RECORD, .like = &member, .by = BY(membership, kind) | BY(membership, member)};
	struct listing seats = {.kind = LIST_RECORD, .like = &seat, .by = BY(seat, kind) | BY(seat, holder)};
	struct listing sources = {.kind = LIST_SOURCES, .kind_of = MEMBER_USER, .holder = user};
	struct listing devices = {.kind = LIST_USER_DEVICES, .user = user, .now = s->side.host.now};
	struct listing bound = {.kind = LIST_RECORD, .like = &binding, .by = BY(binding, user)};
	bench_must(store_page(s->reader, &groups, name_group, s->reader), "groups");
	bench_must(listed(s->reader, &seats) && listed(s->reader, &sources) ? 0 : E_INTERNAL, "rights");
	listed(s->reader, &devices);
	listed(s->reader, &bound);
}

/* What GET /v1/products reads: a row for each grant, and the devices. */
static void totals(struct subject *s)
{
	struct listing grants = {.kind = LIST_GRANT, .now = s->side.host.now};
	int64_t devices;
	bench_must(listed(s->reader, &grants) >= PEOPLE_PRODUCTS ? 0 : E_INTERNAL, "grants");
	bench_must(store_devices(s->reader, &devices), "devices");
}

/* --- time passes --- */

static void run_sweep(struct subject *s)
{
	struct job *job = job_new(JOB_SWEEP, 0);
	bench_must(job ? 0 : E_NO_MEMORY, "job");
	broker_run(&s->side.host.broker, &job, 1, s->side.host.now);
	bench_must(job->code, "sweep");
	job_free(job);
}

static void sweep(struct subject *s)
{
	s->side.host.broker.seat_cursor = people_pick(&s->side, s->side.users);
	s->side.host.broker.device_cursor = people_pick(&s->side, s->side.devices);
	run_sweep(s);
}

static void prepare_stale(struct subject *s)
{
	struct asker nobody = {.hostname = "", .os = "", .agent = ""};
	struct device_facts facts;
	bench_must(store_facts(s->side.host.store, &nobody, s->side.host.now, &facts, NULL, 0), "facts");
	s->first_stale = facts.device;
	people_stale(&s->side, (ROUNDS + 1) * STALE);
}

static void sweep_stale(struct subject *s)
{
	int64_t before;
	int64_t after;
	s->side.host.broker.device_cursor = s->first_stale + (int64_t)s->done * STALE - 1;
	bench_must(store_devices(s->side.host.store, &before), "devices");
	run_sweep(s);
	bench_must(store_devices(s->side.host.store, &after), "devices");
	bench_must(before - after == STALE ? 0 : E_INTERNAL, "devices forgotten");
}

/* --- measuring --- */

static const struct measure {
	const char *name;
	void (*run)(struct subject *);
	void (*prepare)(struct subject *);
	uint32_t times; /* in one round */
	uint32_t each;  /* operations of one run */
	bool once;      /* no rounds: it takes seconds */
} measures[] = {
	{"rights", rights, NULL, 100, 1, false},
	{"totals", totals, NULL, 10, 1, false},
	{"assign", assign_user, NULL, 20, 1, false},
	{"assign_device", assign_device, NULL, 20, 1, false},
	{"assign_group", assign_group, NULL, 3, 1, false},
	{"free_seat", free_seat, NULL, 5, 1, false},
	{"help", help, NULL, 5, 1, false},
	{"activate", activate, NULL, 1, BATCH, false},
	{"renew", renew, NULL, 1, BATCH, false},
	{"sign_in", sign_in, NULL, 10, 1, false},
	{"activate_pool", activate_pool, prepare_pool, POOL_TIMES, 1, false},
	{"sweep", sweep, NULL, 3, 1, false},
	{"sweep_stale", sweep_stale, prepare_stale, 1, 1, false},
	{"import", import, NULL, 1, 1, true},
};

/* Milliseconds of one operation by the clock, and of this thread's CPU alone: what waiting for the disk
 * hides. */
static void time_round(const struct measure *m, struct subject *s, double *ret_ms, double *ret_cpu_ms)
{
	double begin = bench_now();
	double cpu = bench_clock(CLOCK_THREAD_CPUTIME_ID);
	for (uint32_t i = 0; i < m->times; i++) {
		m->run(s);
		s->done++;
	}
	*ret_cpu_ms = (bench_clock(CLOCK_THREAD_CPUTIME_ID) - cpu) * 1e3 / (m->times * m->each);
	*ret_ms = (bench_now() - begin) * 1e3 / (m->times * m->each);
}

/* Both in turns, so that a slow minute hits both. */
static void measure(const struct measure *m, struct subject *small, struct subject *large)
{
	double ms[2][ROUNDS];
	double cpu[2][ROUNDS];
	double ratio[ROUNDS];
	double cpu_ratio[ROUNDS];
	size_t rounds = m->once ? 1 : ROUNDS;
	for (int which = 0; which < 2; which++) {
		struct subject *s = which ? large : small;
		double ignored;
		s->done = 0;
		if (m->prepare)
			m->prepare(s);
		if (!m->once)
			time_round(m, s, &ignored, &ignored);
	}
	for (size_t i = 0; i < rounds; i++) {
		time_round(m, small, &ms[0][i], &cpu[0][i]);
		time_round(m, large, &ms[1][i], &cpu[1][i]);
		ratio[i] = ms[1][i] / ms[0][i];
		cpu_ratio[i] = cpu[1][i] / cpu[0][i];
	}
	double small_ms = bench_sorted(ms[0], rounds);
	double large_ms = bench_sorted(ms[1], rounds);
	double small_cpu = bench_sorted(cpu[0], rounds);
	double large_cpu = bench_sorted(cpu[1], rounds);
	double middle = bench_sorted(ratio, rounds);
	printf("\"%s\":{\"ms\":[%.4f,%.4f],\"cpu_ms\":[%.4f,%.4f],\"ratio\":%.3f,\"ratio_min\":%.3f,\"ratio_"
	       "max\":%.3f,"
	       "\"cpu_ratio\":%.3f}",
	       m->name, small_ms, large_ms, small_cpu, large_cpu, middle, ratio[0], ratio[rounds - 1],
	       bench_sorted(cpu_ratio, rounds));
}

static void report_fault(int code, const char *text, void *context)
{
	(void)context;
	fprintf(stderr, "bench: %s: %s\n", error_name(code), text);
	exit(1);
}

static void show(const struct subject *s, const char *end)
{
	const struct side *o = &s->side;
	printf("{\"devices\":%u,\"users\":%u,\"groups\":%u,\"users_per_s\":%.0f,\"assign_all_s\":%.3f}%s",
	       o->devices, o->users, o->groups + o->device_groups, o->users_per_s, o->assign_all_s, end);
}

static bool wanted(const struct measure *m, char **names)
{
	bool found = !*names;
	for (; *names; names++)
		found |= strcmp(*names, m->name) == 0;
	return found;
}

int main(int argc, char **argv)
{
	static struct subject subjects[2];
	const char *comma = "";
	if (argc < 7) {
		fprintf(stderr,
			"usage: bench_models SMALL_DIR USERS GROUPS LARGE_DIR USERS GROUPS [MEASURE...]\n");
		return 64;
	}
	bench_must(sodium_init() < 0 ? E_INTERNAL : 0, "libsodium");
	for (int i = 0; i < 2; i++) {
		char **args = &argv[1 + 3 * i];
		people_open(&subjects[i].side, args[0], (uint32_t)strtoul(args[1], NULL, 10),
			    (uint32_t)strtoul(args[2], NULL, 10));
		bench_must(store_reader(subjects[i].side.host.store, &subjects[i].reader), "reader");
	}
	struct window window = window_open(0);
	printf("{\"sides\":[");
	show(&subjects[0], ",");
	show(&subjects[1], "],\"measures\":{");
	for (size_t i = 0; i < sizeof(measures) / sizeof(measures[0]); i++) {
		if (!wanted(&measures[i], &argv[7]))
			continue;
		printf("%s", comma);
		measure(&measures[i], &subjects[0], &subjects[1]);
		comma = ",";
	}
	window = window_close(&window);
	printf("},\"others_percent\":%.1f,\"steal_percent\":%.1f}\n", window_others(&window),
	       window_stolen(&window));
	for (int i = 0; i < 2; i++) {
		bench_must(store_check(subjects[i].side.host.store, subjects[i].side.host.now, report_fault,
				       NULL),
			   "check");
		store_close(subjects[i].reader);
		bench_host_close(&subjects[i].side.host);
	}
	return 0;
}
