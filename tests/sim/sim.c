/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of the world by their seeds. */
#include <getopt.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "log.h"
#include "world.h"

#define MEND_DAYS 45
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true /* it tells more of a death, and on standard error */
#else
#define SANITIZED false
#endif

struct world world;
const char *const products[2] = {"volume-product", "pool-product"};

static const char *const variants[VARIANTS] = {"none",           "skip-commit",  "answer-first",
					       "forget-ratchet", "forget-parts", "count-many",
					       "count-places"};
static long long days = 150;

/* --- chance: splitmix64, and the same for keys and tokens --- */

static uint64_t chance_state;

void chance_seed(uint64_t seed)
{
	chance_state = seed * 0x9e3779b97f4a7c15u + 1;
}

uint64_t chance(void)
{
	uint64_t z = chance_state += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint64_t chance_below(uint64_t bound)
{
	return bound ? chance() % bound : 0;
}

bool chance_in(unsigned n)
{
	return chance_below(n) == 0;
}

static const char *random_name(void)
{
	return "seeded";
}

static uint32_t random_word(void)
{
	return (uint32_t)chance();
}

static void random_bytes(void *const out, const size_t n)
{
	uint8_t *bytes = out;
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(chance() >> 32);
}

static struct randombytes_implementation seeded = {
	.implementation_name = random_name, .random = random_word, .buf = random_bytes};

/* --- telling --- */

void trace(const char *format, ...)
{
	va_list args;
	if (!world.trace)
		return;
	printf("%8.2f  ", (double)(world.now - WORLD_BEGIN) / DAY);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	puts("");
}

void broken(const char *format, ...)
{
	va_list args;
	if (!world.broken || world.trace) {
		printf("seed %llu, day %.2f, variant %s: ", (unsigned long long)world.seed,
		       (double)(world.now - WORLD_BEGIN) / DAY, variants[world.variant]);
		va_start(args, format);
		vprintf(format, args);
		va_end(args);
		printf("\n  replay: sim --seed %llu --days %lld --variant %s --trace\n",
		       (unsigned long long)world.seed, days, variants[world.variant]);
	}
	world.broken = true;
}

/* --- harm to hosts and the network --- */

static void harm_host(struct host *h)
{
	static const int64_t jumps[] = {HOUR, -HOUR, 180LL * DAY, -180LL * DAY};
	unsigned what = (unsigned)chance_below(7);
	if (!host_is_up(h))
		return;
	trace("host %zu: harm %u", h->number, what);
	switch (what) {
	case 0:
		host_kill(h);
		host_start(h);
		break;
	case 1:
		h->shaky.death = DEATH_CALL;
		h->shaky.calls = (unsigned)chance_below(40);
		break;
	case 2:
		h->shaky.death = DEATH_BEFORE_COMMIT;
		break;
	case 3:
		h->shaky.death = DEATH_AFTER_COMMIT;
		break;
	case 4:
		h->clock_off = jumps[chance_below(4)];
		h->back = world.now + HOUR + (int64_t)chance_below(9 * DAY);
		break;
	case 5:
		h->shaky.full = world.now + (int64_t)chance_below(5 * DAY);
		break;
	default:
		host_kill(h);
		h->up = world.now + (int64_t)chance_below(12 * DAY);
	}
}

static void harm(void)
{
	uint64_t n = chance_below(3);
	world.weather = chance_in(3) ? 0 : 3 + (unsigned)chance_below(30);
	for (uint64_t i = 0; i < n; i++) {
		struct machine *m = &world.machines[chance_below(WORLD_MACHINES)];
		if (m->exists)
			machine_harm(m);
	}
	if (chance_in(4))
		harm_host(&world.hosts[chance_below(world.n_hosts)]);
}

/* --- time --- */

static void heal_hosts(bool all)
{
	for (size_t i = 0; i < world.n_hosts; i++) {
		struct host *h = &world.hosts[i];
		if (all || h->back <= world.now)
			h->clock_off = 0;
		if (h->up && (all || h->up <= world.now))
			host_start(h);
		if (!all)
			continue;
		h->shaky.death = DEATH_NONE;
		h->shaky.full = 0;
	}
}

static void sweep(struct host *h)
{
	struct job *job = job_new(JOB_SWEEP, 0);
	if (!job)
		abort();
	if (host_is_up(h))
		host_run(h, &job, 1);
	job_free(job);
}

static void day(void)
{
	bool harming = world.now < world.end;
	heal_hosts(!harming);
	if (harming)
		harm();
	else
		world.weather = 0;
	network_late();
	for (size_t i = 0; i < world.n_hosts; i++)
		sweep(&world.hosts[i]);
	for (size_t i = 0; i < WORLD_MACHINES; i++) {
		struct machine *m = &world.machines[i];
		if (m->exists && !harming)
			machine_mend(m);
		if (m->back <= world.now)
			m->clock_off = 0;
	}
	if (world.now / DAY % 10 == 0)
		for (size_t i = 0; i < world.n_hosts; i++)
			check_host(&world.hosts[i]);
}

/* Whoever wakes first until the next day begins. */
static struct machine *next_machine(int64_t until)
{
	struct machine *first = NULL;
	for (size_t i = 0; i < WORLD_MACHINES; i++) {
		struct machine *m = &world.machines[i];
		if (m->exists && m->wakes < until && (!first || m->wakes < first->wakes))
			first = m;
	}
	return first;
}

static void live(void)
{
	int64_t last = world.end + MEND_DAYS * DAY;
	for (int64_t dawn = world.now; dawn < last && !world.broken; dawn += DAY) {
		struct machine *m;
		world.now = dawn;
		day();
		for (int i = 0; i < 1000 && !world.broken && (m = next_machine(dawn + DAY)) != NULL; i++) {
			if (m->wakes > world.now)
				world.now = m->wakes;
			network_late();
			world.events++;
			machine_turn(m);
		}
	}
}

/* --- one seed --- */

static void make_world(uint64_t seed, enum variant variant, bool traced)
{
	char path[64];
	memset(&world, 0, sizeof(world));
	chance_seed(seed);
	world.seed = seed;
	world.variant = variant;
	world.trace = traced;
	world.now = WORLD_BEGIN;
	world.end = WORLD_BEGIN + days * DAY;
	strcpy(world.folder,
	       access("/dev/shm", W_OK) == 0 ? "/dev/shm/muster-sim-XXXXXX" : "/tmp/muster-sim-XXXXXX");
	if (!mkdtemp(world.folder))
		abort();
	snprintf(path, sizeof(path), "%s/products", world.folder);
	mkdir(path, 0755);
	world.n_hosts = 1 + chance_below(WORLD_HOSTS);
	for (size_t i = 0; i < world.n_hosts; i++) {
		world.hosts[i].number = i;
		host_make(&world.hosts[i], chance_in(4) ? "sqlite" : "memory");
	}
	unsigned n = 3 + (unsigned)chance_below(4);
	for (unsigned i = 0; i < n; i++) {
		struct machine *m = machine_make(i);
		m->wants[1] = chance_in(2);
	}
}

static void end_world(void)
{
	char command[80];
	for (size_t i = 0; i < world.n_hosts; i++)
		network_drop(&world.hosts[i]);
	for (size_t i = 0; i < world.n_hosts; i++)
		host_free(&world.hosts[i]);
	snprintf(command, sizeof(command), "rm -rf -- %s", world.folder);
	if (system(command))
		fprintf(stderr, "%s was not removed\n", world.folder);
}

/* --- the command line --- */

struct totals {
	unsigned long long seeds, answers, turns, forks, rollbacks, broken;
};

/* What dies in the middle of a seed says which it was. */
static char epitaph[96];

static void on_death(int number)
{
	ssize_t ignored = write(STDOUT_FILENO, epitaph, strlen(epitaph));
	(void)ignored;
	raise(number);
}

static void watch_for_death(void)
{
	struct sigaction action = {.sa_handler = on_death, .sa_flags = (int)SA_RESETHAND};
	sigaction(SIGABRT, &action, NULL);
	if (!SANITIZED)
		sigaction(SIGSEGV, &action, NULL);
}

static void run_seed(uint64_t seed, enum variant variant, bool traced, struct totals *t)
{
	snprintf(epitaph, sizeof(epitaph), "died: sim --seed %llu --days %lld --variant %s --trace\n",
		 (unsigned long long)seed, days, variants[variant]);
	make_world(seed, variant, traced);
	live();
	if (!world.broken)
		check_end();
	end_world();
	t->seeds++;
	t->answers += world.answers;
	t->turns += world.events;
	t->forks += world.forks;
	t->rollbacks += world.rollbacks;
	t->broken += world.broken;
}

static enum variant variant_of(const char *name)
{
	for (int i = 0; i < VARIANTS; i++)
		if (strcmp(variants[i], name) == 0)
			return (enum variant)i;
	fprintf(stderr, "sim: there is no variant '%s'\n", name);
	exit(64);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"seed", required_argument, NULL, 's'},
		{"seeds", required_argument, NULL, 'n'},
		{"days", required_argument, NULL, 'd'},
		{"variant", required_argument, NULL, 'v'},
		{"trace", no_argument, NULL, 't'},
		{"until-broken", no_argument, NULL, 'u'},
		{NULL, 0, NULL, 0},
	};
	unsigned long long first = 1;
	unsigned long long n = 1;
	enum variant variant = VARIANT_NONE;
	bool traced = false;
	bool until_broken = false;
	struct totals t = {0};
	int c;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's')
			first = strtoull(optarg, NULL, 10);
		else if (c == 'n')
			n = strtoull(optarg, NULL, 10);
		else if (c == 'd')
			days = strtoll(optarg, NULL, 10);
		else if (c == 'v')
			variant = variant_of(optarg);
		else if (c == 't')
			traced = true;
		else if (c == 'u')
			until_broken = true;
		else
			return 64;
	}
	if (randombytes_set_implementation(&seeded) || sodium_init() < 0)
		return 1;
	log_level_set(LOG_LEVEL_ERROR);
	/* Hosts that are killed complain. */
	if (setvbuf(stdout, NULL, _IOLBF, 0) || (!traced && !SANITIZED && !freopen("/dev/null", "w", stderr)))
		return 1;
	watch_for_death();
	for (unsigned long long i = 0; i < n && !(until_broken && t.broken); i++)
		run_seed(first + i, variant, traced, &t);
	printf("%llu seeds of %lld days, %llu turns, %llu answers, %llu put back, %llu copies refused: %llu "
	       "broken\n",
	       t.seeds, days, t.turns, t.answers, t.rollbacks, t.forks, t.broken);
	return t.broken ? 1 : 0;
}
