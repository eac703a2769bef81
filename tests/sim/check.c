/* SPDX-License-Identifier: Apache-2.0 */
/* What must always hold. */
#include <sodium.h>
#include <string.h>

#include "error.h"
#include "handle.h"
#include "world.h"

#define ANSWERS_KEPT 1024
#define SECONDS_OFF (HOUR + 600) /* what a clock may be off without being doubted, as the world turns it */
#define SILENCE (31LL * DAY)
#define LEASE_LONGEST (180LL * DAY)
#define STORE_DAYS 30 /* between two looks at a whole store: they cost more the more is on record */

/* --- devices --- */

struct acked *check_device(const uint8_t device[DEVICE_ID])
{
	for (size_t i = 0; i < WORLD_DEVICES; i++) {
		struct acked *a = &world.acked[i];
		if (a->used && memcmp(a->device, device, DEVICE_ID) == 0)
			return a;
		if (a->used)
			continue;
		a->used = true;
		memcpy(a->device, device, DEVICE_ID);
		return a;
	}
	broken("more than %d identities were made", WORLD_DEVICES);
	return &world.acked[0];
}

/* What the host has of it on record. */
static bool read_device(const struct host *h, const uint8_t device[DEVICE_ID], struct device_facts *ret)
{
	struct asker who = {.hostname = "", .os = "", .agent = "", .user = ""};
	memcpy(who.id, device, DEVICE_ID);
	if (store_facts(h->shaky.inner, &who, world.now, ret, NULL, 0) == 0)
		return true;
	broken("host %zu cannot read its store", h->number);
	return false;
}

/* --- every answer of a host, heard or not --- */

/* One answer for a device and token, whatever is repeated, late or lost. */
static struct kept {
	uint8_t key[32];
	uint8_t digest[32];
	bool licensed;
	int64_t at;
} kept[ANSWERS_KEPT];

/* A host forgets who was never licensed and has been silent for so long. A repeat breaks no silence. */
static bool may_be_forgotten(const struct kept *k)
{
	return !k->licensed && world.now - k->at > SILENCE;
}

static void key_of(const struct host *h, const struct job *job, uint8_t ret[32])
{
	crypto_generichash_state state;
	crypto_generichash_init(&state, NULL, 0, 32);
	crypto_generichash_update(&state, (const uint8_t *)&world.seed, sizeof(world.seed));
	crypto_generichash_update(&state, (const uint8_t *)&h->number, sizeof(h->number));
	crypto_generichash_update(&state, job->device, DEVICE_ID);
	crypto_generichash_update(&state, job->shown.token, REQUEST_TOKEN);
	crypto_generichash_final(&state, ret, 32);
}

/* What was kept of the request, or of another in its place. */
static struct kept *place_of(const uint8_t key[32])
{
	return &kept[(size_t)(key[0] | key[1] << 8) % ANSWERS_KEPT];
}

static void check_same(const struct host *h, const struct job *job)
{
	crypto_generichash_state state;
	struct kept now = {.at = world.now};
	key_of(h, job, now.key);
	crypto_generichash_init(&state, NULL, 0, 32);
	crypto_generichash_update(&state, (const uint8_t *)&job->counter, sizeof(job->counter));
	crypto_generichash_update(&state, job->ratchet, RATCHET);
	for (size_t i = 0; i < job->n_lines; i++) {
		const char *lease = job->lines[i].lease ? job->lines[i].lease : "";
		crypto_generichash_update(&state, (const uint8_t *)lease, strlen(lease));
		crypto_generichash_update(&state, (const uint8_t *)&job->lines[i].answer.code, sizeof(int));
		now.licensed |= *lease != 0;
	}
	crypto_generichash_final(&state, now.digest, sizeof(now.digest));
	struct kept *before = place_of(now.key);
	bool again = memcmp(before->key, now.key, sizeof(now.key)) == 0;
	if (again && memcmp(before->digest, now.digest, sizeof(now.digest)) != 0 && !job->mismatched &&
	    !may_be_forgotten(before))
		broken("host %zu gave two answers to one request", h->number);
	if (again && job->repeated)
		now.at = before->at;
	*before = now;
}

/* A request that was served anew, out of step, has another answer from then on. */
static void forget_same(const struct host *h, const struct job *job)
{
	uint8_t key[32];
	key_of(h, job, key);
	struct kept *before = place_of(key);
	if (memcmp(before->key, key, sizeof(key)) == 0)
		*before = (struct kept){0};
}

/* A pool's lease runs as long as its grant. */
static void check_lease(const struct host *h, const struct answer_line *a)
{
	int64_t off = a->issued - world.now;
	if (off > SECONDS_OFF || off < -SECONDS_OFF)
		broken("host %zu dated a lease %lld s off", h->number, (long long)off);
	if (a->grant == 1 && a->expires > a->issued + LEASE_LONGEST)
		broken("host %zu gave a lease of %lld days", h->number,
		       (long long)(a->expires - a->issued) / DAY);
}

/* Of machines with one identity another may be served once, as if the first had been put back; then the first
 * must be found when it comes again. */
static void check_copies(const struct host *h, struct acked *a, const struct job *job)
{
	size_t sender = (size_t)(world.sender - world.machines);
	unsigned bit = 1u << sender;
	/* Who hears what another was told stands where that one stands: neither has gone its own way yet. */
	if (job->repeated) {
		a->hosts[h->number].served &= bit;
		return;
	}
	/* A device that the host knows nothing of any more, or never did. */
	if (job->counter == 1)
		a->hosts[h->number].served = a->hosts[h->number].left = 0;
	if (a->hosts[h->number].left & bit && !world.orphan)
		broken("machine %zu lives on as a device that another one is", sender);
	if (job->mismatched)
		a->hosts[h->number].left |= a->hosts[h->number].served & ~bit;
	if (!world.orphan)
		a->hosts[h->number].served |= bit;
}

/* A device that was forgotten, and came again before anybody looked: there is nothing that must be kept. */
static void check_anew(const struct host *h, struct acked *a, const struct job *job)
{
	bool licensed = a->hosts[h->number].serial[0] || a->hosts[h->number].serial[1];
	if (job->repeated)
		return;
	if (job->counter == 1 && !licensed && world.now - a->hosts[h->number].at > SILENCE)
		a->hosts[h->number].counter = 0;
	a->hosts[h->number].at = world.now;
}

void check_asked(const struct host *h, const struct job *job)
{
	if (job->kind > JOB_REDEEM)
		return;
	struct acked *a = check_device(job->device);
	for (size_t i = 0; i < job->n_lines; i++)
		a->hosts[h->number].asked |= strcmp(job->lines[i].product, products[0]) == 0;
}

/* Below the threshold nobody gets a first lease; who has asked is counted, even when no answer came of it. */
static void check_threshold(const struct host *h, const struct job *job)
{
	int asked = 0;
	for (size_t i = 0; i < WORLD_DEVICES && world.acked[i].used; i++)
		asked += world.acked[i].hosts[h->number].asked;
	for (size_t i = 0; i < job->n_lines && asked < VOLUME_THRESHOLD; i++)
		if (job->lines[i].lease && job->lines[i].answer.grant == 1)
			broken("host %zu gave a lease when %d had asked", h->number, asked);
}

/* Who is out of step and shows that it is another machine is a copy. Two that show different kinds of parts
 * cannot be compared. */
static void check_parts(const struct host *h, struct acked *a, const struct job *job)
{
	unsigned root = world.sender->root;
	if (job->repeated)
		return;
	unsigned before = a->hosts[h->number].root;
	if (job->mismatched && a->hosts[h->number].has_root && root != before && machine_alike(root, before))
		broken("host %zu served another machine than before, out of step", h->number);
	a->hosts[h->number].root = root;
	a->hosts[h->number].has_root = true;
}

/* The host stands by what it answered this device. */
static void check_answered(const struct host *h, struct acked *a, const struct job *job)
{
	check_anew(h, a, job);
	check_copies(h, a, job);
	check_parts(h, a, job);
}

static void trace_answer(const struct host *h, const struct job *job, const char *what)
{
	trace("    host %zu, device %02x%02x: shown %llu, %s%s, now %llu", h->number, job->device[0],
	      job->device[1], (unsigned long long)job->shown.counter, what,
	      job->repeated     ? " (a repeat)"
	      : job->mismatched ? " (out of step)"
				: "",
	      (unsigned long long)job->counter);
}

void check_job(struct host *h, const struct job *job)
{
	if (job->kind > JOB_REDEEM)
		return;
	struct acked *a = check_device(job->device);
	world.answers++;
	check_threshold(h, job);
	trace_answer(h, job, job->code ? error_name(job->code) : "done");
	world.forks += job->code == E_IDENTITY_FORKED;
	world.rollbacks += job->mismatched && !job->code;
	if (job->code && error_row(job->code)->number != -job->code)
		broken("host %zu refused with the unknown code %d", h->number, job->code);
	if ((job->mismatched || job->code == E_IDENTITY_FORKED) && !a->taint)
		broken("host %zu took an honest device for a copy", h->number);
	if (job->code || !job->counter)
		return;
	check_same(h, job);
	check_answered(h, a, job);
	for (size_t i = 0; i < job->n_lines; i++)
		if (job->lines[i].lease && !job->repeated)
			check_lease(h, &job->lines[i].answer);
}

/* The host died when it had committed, and nobody heard the answer: a repeat gets it. */
void check_unheard(const struct host *h, const struct job *job)
{
	struct device_facts facts;
	if (job->kind > JOB_REDEEM)
		return;
	struct acked *a = check_device(job->device);
	if (!read_device(h, job->device, &facts))
		return;
	/* It was refused, or a sweep has forgotten the device since. */
	if (!facts.known || memcmp(facts.ratchet.token, job->shown.token, REQUEST_TOKEN) != 0)
		return;
	struct job done = *job;
	done.counter = facts.ratchet.counter;
	trace_answer(h, &done, "unheard");
	check_answered(h, a, &done);
	if (job->mismatched && !a->taint)
		broken("host %zu took an honest device for a copy", h->number);
	if (job->mismatched)
		forget_same(h, job);
}

/* --- what a host has on record --- */

static void tell_finding(int code, const char *text, void *context)
{
	const struct host *h = context;
	broken("host %zu: %s: %s", h->number, error_name(code), text);
}

/* The holdings of one device: its serial of each grant (which are one a product). */
struct held {
	int64_t serial[2];
};

static int take_held(const struct row *row, void *context)
{
	struct held *held = context;
	if (row->u.activation.grant >= 1 && row->u.activation.grant <= 2)
		held->serial[row->u.activation.grant - 1] = row->u.activation.holding.serial;
	return 0;
}

static void check_acked(struct host *h, struct acked *a)
{
	struct device_facts facts;
	struct held held = {{0}};
	if (a->hosts[h->number].counter == 0 || !read_device(h, a->device, &facts))
		return;
	/* Who was never licensed and is silent for long is forgotten. */
	if (!facts.known && !a->hosts[h->number].serial[0] && !a->hosts[h->number].serial[1]) {
		a->hosts[h->number].counter = 0;
		return;
	}
	struct listing l = {.kind = LIST_ACTIVATION, .device = facts.device, .now = world.now};
	if (!facts.known || store_page(h->shaky.inner, &l, take_held, &held)) {
		broken("host %zu has forgotten a device that it answered", h->number);
		return;
	}
	if (facts.ratchet.counter < a->hosts[h->number].counter)
		broken("host %zu has forgotten an answer", h->number);
	for (size_t p = 0; p < 2; p++)
		if (held.serial[p] < a->hosts[h->number].serial[p])
			broken("host %zu has forgotten a lease that was taken home", h->number);
}

static int check_grant(const struct row *row, void *context)
{
	const struct host *h = context;
	if (row->u.grant.num == 2 && row->u.grant.active > POOL_QUANTITY)
		broken("host %zu gave %lld places of %d", h->number, (long long)row->u.grant.active,
		       POOL_QUANTITY);
	return 0;
}

static void check_grants(struct host *h)
{
	struct listing grants = {.kind = LIST_GRANT, .now = world.now};
	if (store_page(h->shaky.inner, &grants, check_grant, h))
		broken("host %zu cannot list its grants", h->number);
}

/* --- every answer that was heard --- */

static bool takes_home(const struct job *job)
{
	return job->kind != JOB_RELEASE && job->kind != JOB_SIGN_OUT;
}

void check_told(struct host *h, const struct job *job)
{
	struct acked *a = check_device(job->device);
	if (job->kind > JOB_REDEEM || job->code || !job->counter)
		return;
	a->hosts[h->number].counter = job->counter;
	for (size_t i = 0; i < job->n_lines; i++)
		for (size_t p = 0; p < 2; p++)
			if (strcmp(job->lines[i].product, products[p]) == 0 && !job->lines[i].answer.code)
				a->hosts[h->number].serial[p] =
					takes_home(job) ? job->lines[i].answer.serial : 0;
	if (!host_is_up(h))
		return;
	check_acked(h, a);
	check_grants(h);
}

/* Its store is read whole, from the first row of its audit log on; what is wrong there stays wrong. */
static void check_store(struct host *h)
{
	h->checked = world.now;
	if (store_check(h->shaky.inner, world.now, tell_finding, h))
		broken("host %zu cannot check its store", h->number);
}

void check_host(struct host *h)
{
	for (size_t i = 0; i < WORLD_DEVICES && world.acked[i].used; i++)
		check_acked(h, &world.acked[i]);
	if (world.now - h->checked >= STORE_DAYS * DAY)
		check_store(h);
	check_grants(h);
}

/* --- the end: all is mended, so everybody must be served --- */

struct places {
	long long free;
};

static int count_free(const struct row *row, void *context)
{
	struct places *p = context;
	if (row->u.grant.num == 2)
		p->free = POOL_QUANTITY - row->u.grant.active;
	return 0;
}

/* A place that every host has to give. */
static bool pool_has_room(void)
{
	struct listing grants = {.kind = LIST_GRANT, .now = world.now};
	for (size_t i = 0; i < world.n_hosts; i++) {
		struct places p = {0};
		if (store_page(world.hosts[i].shaky.inner, &grants, count_free, &p) || p.free <= 0)
			return false;
	}
	return true;
}

static void check_served(size_t i, const struct muster_status *s, size_t product)
{
	int at = muster_status_find(s, products[product]);
	const char *state = at < 0 ? "unknown" : muster_status_state(s, at);
	if (strcmp(state, "licensed") != 0)
		broken("machine %zu is %s of %s in the end (%s: %s)", i, state, products[product],
		       at < 0 ? "" : muster_status_error_name(s, at),
		       at < 0 ? "" : muster_status_error_detail(s, at));
}

static void check_machine(size_t i, bool room)
{
	struct machine *m = &world.machines[i];
	struct muster *h = machine_open(m);
	struct muster_status *s;
	if (muster_status(h, &s)) {
		broken("machine %zu has no status: %s", i, muster_error_name(h));
	} else {
		check_served(i, s, 0);
		if (m->wants[1] && room)
			check_served(i, s, 1);
		muster_status_free(s);
	}
	muster_free(h);
	world.here = NULL;
}

void check_end(void)
{
	bool room = pool_has_room();
	for (size_t i = 0; i < WORLD_MACHINES; i++)
		if (world.machines[i].exists)
			check_machine(i, room);
	for (size_t i = 0; i < world.n_hosts; i++) {
		check_host(&world.hosts[i]);
		check_store(&world.hosts[i]);
	}
}
