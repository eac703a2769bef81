/* SPDX-License-Identifier: Apache-2.0 */
/* A restored ledger and the devices that are ahead of it: what they show is adopted, and nothing else is. */
#include "org.h"

#include "ratchet.h"

#define MACHINES 7
#define STEPS 60
#define ROUNDS 40

static const char *const products[2] = {"acme-cad", "acme-sim"};
static const uint8_t LEDGER[LEDGER_ID] = {5, 5, 5};

/* --- machines that remember what was acknowledged --- */

struct client {
	struct machine m;
	char *lease[2]; /* of each product; NULL: none */
	char *certificate[2];
	struct lease held[2];
};

static void forget(struct client *c, size_t product)
{
	free(c->lease[product]);
	free(c->certificate[product]);
	c->lease[product] = c->certificate[product] = NULL;
}

static struct job *client_job(struct client *c, enum job_kind kind, size_t product, const char *user)
{
	struct job *job = request(&c->m, kind, false);
	strcpy(job->lines[0].product, products[product]);
	strcpy(job->lines[0].user, user);
	job->lines[0].lease_serial = c->lease[product] ? c->held[product].serial : 0;
	return job;
}

static void take(struct client *c, size_t product, const char *user, struct job *job)
{
	struct lease fresh;
	struct job_line *line = &job->lines[0];
	learn(&c->m, job);
	if (job->code || line->answer.code)
		return;
	if (job->kind == JOB_RELEASE) {
		forget(c, product);
		return;
	}
	assert_lease(job, 0, products[product], &fresh);
	assert_string_equal(fresh.user, user);
	if (c->lease[product])
		assert_true(fresh.serial > c->held[product].serial); /* never backwards */
	forget(c, product);
	c->held[product] = fresh;
	c->lease[product] = line->lease;
	c->certificate[product] = line->certificate;
	line->lease = line->certificate = NULL;
}

static struct job *show_job(const struct client *c, const char *lease, const char *certificate)
{
	struct job *job = job_new(JOB_SHOW_LEASE, 1);
	assert_non_null(job);
	memcpy(job->device, c->m.id, DEVICE_ID);
	strcpy(job->hostname, "shows");
	memcpy(job->shown.token, c->m.token, REQUEST_TOKEN);
	memcpy(job->shown.ratchet, c->m.ratchet, RATCHET);
	job->shown.counter = c->m.counter;
	job->text = strdup(lease);
	job->covering = strdup(certificate);
	return job;
}

static int show(const struct client *c, const char *lease, const char *certificate)
{
	struct job *job = show_job(c, lease, certificate);
	run(job);
	int code = job->code ? job->code : job->lines[0].answer.code;
	assert_int_equal(job->counter, 0); /* nothing that the client must remember */
	job_free(job);
	return code;
}

/* Ask as libmuster does: when the host says so, show every lease and send the same again. */
static int call(struct client *c, enum job_kind kind, size_t product, const char *user, bool *ret_shown)
{
	struct job *job = client_job(c, kind, product, user);
	job->shows = true;
	run(job);
	*ret_shown = job->code == E_SHOW_LEASE;
	if (*ret_shown) {
		assert_int_equal(job->counter, 0);
		job_free(job);
		for (size_t i = 0; i < 2; i++)
			if (c->lease[i])
				show(c, c->lease[i], c->certificate[i]);
		job = client_job(c, kind, product, user);
		run(job);
	}
	take(c, product, user, job);
	int code = job->code ? job->code : job->lines[0].answer.code;
	job_free(job);
	return code;
}

/* --- a history that can be lived again --- */

struct step {
	uint8_t token[REQUEST_TOKEN];
	size_t client;
	size_t product;
	enum job_kind kind;
	int64_t at;
};

static struct step steps[STEPS];

static void make_history(uint32_t seed)
{
	static const enum job_kind kinds[] = {JOB_ACTIVATE, JOB_RENEW, JOB_RENEW, JOB_ACTIVATE, JOB_RELEASE};
	int64_t at = NOW;
	srand(seed);
	for (size_t i = 0; i < STEPS; i++) {
		at += rand() % (3 * DAY);
		steps[i] = (struct step){.client = (size_t)rand() % MACHINES,
					 .product = (size_t)rand() % 2,
					 .kind = kinds[rand() % 5],
					 .at = at};
		randombytes_buf(steps[i].token, REQUEST_TOKEN);
	}
}

/* Live the first n steps on a new ledger that has always the same id. */
static void live(const char *backend, size_t n, struct client clients[MACHINES])
{
	struct grant grants[2] = {org_grant("cad-volume", MODEL_VOLUME, 0),
				  org_grant("sim-pool", MODEL_POOL, MACHINES)};
	struct effect id = {.kind = EFFECT_META, .u.meta = {LEDGER_KEY, LEDGER, LEDGER_ID}};
	grants[0].policy.threshold = 2;
	strcpy(grants[1].product, "acme-sim");
	fixture_empty();
	heal();
	now = NOW;
	open_inner(backend);
	assert_int_equal(store_begin(flaky.inner), 0);
	assert_int_equal(store_apply(flaky.inner, &id), 0);
	assert_int_equal(store_commit(flaky.inner), 0);
	assert_int_equal(broker_open(&broker, &flaky.store, key, &counters), 0);
	org_open(grants, 2);
	for (size_t i = 0; i < MACHINES; i++)
		clients[i] = (struct client){.m = machine((uint8_t)(i + 1))};
	for (size_t i = 0; i < n; i++) {
		struct client *c = &clients[steps[i].client];
		bool shown;
		now = steps[i].at;
		memcpy(c->m.token, steps[i].token, REQUEST_TOKEN);
		call(c, steps[i].kind, steps[i].product, "", &shown);
		assert_false(shown);
	}
}

static void part(struct client clients[MACHINES])
{
	for (size_t i = 0; i < MACHINES; i++)
		for (size_t j = 0; j < 2; j++)
			forget(&clients[i], j);
}

/* As `musterctl restore` leaves it, on a host with this key. */
static void mark_restored(const struct host_key *with)
{
	assert_int_equal(store_begin(flaky.inner), 0);
	assert_int_equal(broker_note(&broker, META_RESTORED, now), 0);
	assert_int_equal(store_commit(flaky.inner), 0);
	broker_close(&broker);
	assert_int_equal(broker_open(&broker, &flaky.store, with, &counters), 0);
	assert_int_equal(broker.restored, now);
	if (with == key)
		return;
	struct certificate c = fixture_certificate(&vendor, with, broker.ledger);
	assert_int_equal(install_certificate(&c), 0);
}

static int64_t most_active(size_t product)
{
	return grant_named(product ? "sim-pool" : "cad-volume").u.grant.active;
}

/* Every device comes back with what it holds. */
static void come_back(struct client clients[MACHINES])
{
	for (size_t i = 0; i < MACHINES; i++) {
		for (size_t j = 0; j < 2; j++) {
			struct client *c = &clients[i];
			struct lease before = c->held[j];
			bool shown;
			if (!c->lease[j])
				continue;
			randombytes_buf(c->m.token, REQUEST_TOKEN);
			assert_int_equal(call(c, JOB_RENEW, j, "", &shown), 0);
			assert_true(c->held[j].serial > before.serial);
			assert_string_equal(c->held[j].grant, before.grant);
		}
	}
}

static int64_t adoptions; /* in all rounds */

static void restore_at(const char *backend, uint32_t seed, const struct host_key *with)
{
	struct client acknowledged[MACHINES];
	struct client scratch[MACHINES];
	int64_t held[2] = {0, 0};
	make_history(seed);
	size_t point = (size_t)rand() % STEPS;
	live(backend, STEPS, acknowledged);
	close_host();
	live(backend, point, scratch);
	now = steps[STEPS - 1].at + 60;
	mark_restored(with);
	come_back(acknowledged);
	assert_int_equal(audits("device.rolled-back") + audits("device.forked"), 0); /* nobody is accused */
	assert_true(devices() <= MACHINES);
	for (size_t i = 0; i < MACHINES; i++)
		for (size_t j = 0; j < 2; j++)
			held[j] += acknowledged[i].lease[j] != NULL || scratch[i].lease[j] != NULL;
	/* What was released after the backup is not known to be: it ends by itself. */
	for (size_t j = 0; j < 2; j++)
		assert_true(most_active(j) <= held[j]);
	int64_t rows = audits("activation.adopted");
	adoptions += rows;
	come_back(acknowledged); /* once is enough */
	assert_int_equal(audits("activation.adopted"), rows);
	assert_sound();
	part(acknowledged);
	part(scratch);
}

static void random_restores(const char *backend)
{
	close_host();
	struct host_key *other = NULL;
	for (uint32_t seed = 1; seed <= ROUNDS; seed++) {
		if (seed % 2) {
			restore_at(backend, seed, key);
		} else {
			fixture_empty();
			other = fixture_host_key("other.key");
			restore_at(backend, seed, other);
		}
		if (seed < ROUNDS)
			close_host();
		if (other && seed < ROUNDS) {
			host_key_free(other);
			other = NULL;
		}
	}
	close_host();
	host_key_free(other);
	open_host(backend);
}

static void test_restored_at_any_point(void **state)
{
	adoptions = 0;
	random_restores(*state);
	assert_true(adoptions > ROUNDS); /* or nothing was tried here */
}

/* --- one device, step by step --- */

/* A device that was activated, then renewed once more after the ledger's state was set aside: the ledger is
 * turned back by hand to before the renewal. */
struct ahead {
	struct client c;
	struct ratchet row;
	struct holding holding;
};

static struct row activation_of(const struct client *c)
{
	(void)c;
	struct row row = {0};
	struct listing l = {.kind = LIST_ACTIVATION, .now = now};
	assert_int_equal(store_page(flaky.inner, &l, take_grant, &row), 0);
	return row;
}

static struct ahead make_ahead(void)
{
	struct ahead a = {.c = {.m = machine(1)}};
	struct asker asker = {.hostname = "", .os = "", .agent = ""};
	struct device_facts facts;
	bool shown;
	license_host(1);
	randombytes_buf(a.c.m.token, REQUEST_TOKEN);
	assert_int_equal(call(&a.c, JOB_ACTIVATE, 0, "", &shown), 0);
	memcpy(asker.id, a.c.m.id, DEVICE_ID);
	assert_int_equal(store_begin(flaky.inner), 0);
	assert_int_equal(store_facts(flaky.inner, &asker, now, &facts, NULL, 0), 0);
	store_rollback(flaky.inner);
	a.row = facts.ratchet;
	a.holding = activation_of(&a.c).u.activation.holding;
	now += 7 * (int64_t)DAY;
	randombytes_buf(a.c.m.token, REQUEST_TOKEN);
	assert_int_equal(call(&a.c, JOB_RENEW, 0, "", &shown), 0);
	struct row row = activation_of(&a.c);
	struct effect back[] = {
		{.kind = EFFECT_RATCHET, .device = 1, .u.ratchet = &a.row},
		{.kind = EFFECT_HOLDING,
		 .device = 1,
		 .grant = row.u.activation.grant,
		 .u.holding = {row.u.activation.holding, a.holding}},
	};
	assert_int_equal(store_begin(flaky.inner), 0);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(store_apply(flaky.inner, &back[i]), 0);
	assert_int_equal(store_commit(flaky.inner), 0);
	assert_sound();
	return a;
}

static void free_ahead(struct ahead *a)
{
	forget(&a->c, 0);
}

static void test_a_device_that_is_ahead_is_asked_and_goes_on(void **state)
{
	struct ahead a = make_ahead();
	bool shown;
	(void)state;
	randombytes_buf(a.c.m.token, REQUEST_TOKEN);
	assert_int_equal(call(&a.c, JOB_RENEW, 0, "", &shown), 0);
	assert_true(shown);
	assert_int_equal(a.c.held[0].serial, 3);
	assert_int_equal(audits("activation.adopted"), 1);
	assert_int_equal(audits("device.rolled-back") + audits("device.forked"), 0);
	assert_int_equal(grant_row().u.grant.count, 1);
	randombytes_buf(a.c.m.token, REQUEST_TOKEN);
	assert_int_equal(call(&a.c, JOB_RENEW, 0, "", &shown), 0);
	assert_false(shown);
	assert_sound();
	free_ahead(&a);
}

/* The answer to what was shown may be lost, and all of it comes again. */
static void test_showing_twice_is_showing_once(void **state)
{
	struct ahead a = make_ahead();
	bool shown;
	(void)state;
	randombytes_buf(a.c.m.token, REQUEST_TOKEN);
	assert_int_equal(show(&a.c, a.c.lease[0], a.c.certificate[0]), 0);
	assert_int_equal(show(&a.c, a.c.lease[0], a.c.certificate[0]), E_LEASE_OLD); /* and changes nothing */
	restart();
	assert_int_equal(call(&a.c, JOB_RENEW, 0, "", &shown), 0);
	assert_false(shown);
	assert_int_equal(a.c.held[0].serial, 3);
	assert_int_equal(audits("activation.adopted"), 1);
	assert_sound();
	free_ahead(&a);
}

static void test_a_client_that_cannot_show_is_served_and_told_of(void **state)
{
	struct ahead a = make_ahead();
	(void)state;
	randombytes_buf(a.c.m.token, REQUEST_TOKEN);
	struct job *job = client_job(&a.c, JOB_RENEW, 0, "");
	run(job);
	take(&a.c, 0, "", job);
	job_free(job);
	assert_int_equal(a.c.held[0].serial, 3); /* by the serial that it named */
	assert_int_equal(audits("device.rolled-back"), 1);
	free_ahead(&a);
}

static char *resigned(const struct lease *from, const struct host_key *by)
{
	struct lease l = *from;
	char *token = NULL;
	memcpy(l.head.iss, by->id, sizeof(l.head.iss));
	assert_int_equal(lease_sign(&l, by->sign, &token), 0);
	return token;
}

static void refuse_show(const struct ahead *a, int code, char *lease, char *certificate)
{
	struct holding before = activation_of(&a->c).u.activation.holding;
	int64_t rows = audits(NULL);
	assert_int_equal(
		show(&a->c, lease ? lease : a->c.lease[0], certificate ? certificate : a->c.certificate[0]),
		code);
	assert_int_equal(audits(NULL), rows);
	struct holding after = activation_of(&a->c).u.activation.holding;
	assert_true(same_holding(&before, &after));
	free(lease);
	free(certificate);
}

static void test_what_is_not_adopted(void **state)
{
	struct ahead a = make_ahead();
	struct vendor stranger = fixture_vendor(9);
	struct host_key *other = fixture_host_key("other.key");
	struct certificate c = usual_certificate();
	struct lease l = a.c.held[0];
	(void)state;
	randombytes_buf(a.c.m.token, REQUEST_TOKEN);
	/* altered, or signed by a key that its certificate does not name */
	char *altered = strdup(a.c.lease[0]);
	char *at = strrchr(altered, '.') - 10; /* of the signature */
	*at = *at == 'A' ? 'B' : 'A';
	refuse_show(&a, E_SIGNATURE_INVALID, altered, NULL);
	refuse_show(&a, E_SIGNATURE_INVALID, resigned(&l, other), NULL);
	refuse_show(&a, E_MALFORMED, strdup("v4.public.x"), NULL);
	/* another vendor's certificate, and one of another ledger */
	struct certificate foreign = fixture_certificate(&stranger, other, broker.ledger);
	refuse_show(&a, E_VENDOR_NOT_PINNED, resigned(&l, other),
		    fixture_certificate_token(&stranger, &foreign));
	struct certificate elsewhere = c;
	elsewhere.ledger[0] ^= 1;
	refuse_show(&a, E_LEDGER_MISMATCH, NULL, fixture_certificate_token(&vendor, &elsewhere));
	/* another device's, an older one, one from tomorrow, one of a grant that is not there */
	struct lease wrong = l;
	wrong.device[0] ^= 1;
	refuse_show(&a, E_WRONG_DEVICE, resigned(&wrong, key), NULL);
	wrong = l;
	wrong.serial = 1;
	refuse_show(&a, E_LEASE_OLD, resigned(&wrong, key), NULL);
	wrong = l;
	wrong.head.iat = now + 2 * (int64_t)DAY;
	refuse_show(&a, E_NOT_YET_VALID, resigned(&wrong, key), NULL);
	wrong = l;
	strcpy(wrong.grant, "cad-other");
	refuse_show(&a, E_PRODUCT_UNKNOWN, resigned(&wrong, key), NULL);
	wrong = l;
	wrong.exp = now;
	refuse_show(&a, E_LEASE_OLD, resigned(&wrong, key), NULL);
	/* from a device that is not ahead */
	struct client level = a.c;
	level.m.counter = 1;
	int64_t rows = audits(NULL);
	assert_int_equal(show(&level, a.c.lease[0], a.c.certificate[0]), E_BAD_REQUEST);
	assert_int_equal(audits(NULL), rows);
	/* of a former host: taken, unless the vendor has revoked it */
	struct certificate former = fixture_certificate(&vendor, other, broker.ledger);
	struct revocations list = {.hosts = &(char[1][PASERK_ID_TEXT]){{0}}[0], .n_hosts = 1};
	memcpy(list.hosts[0], other->id, sizeof(list.hosts[0]));
	wrong = l;
	wrong.serial = 7;
	char *of_former = resigned(&wrong, other);
	char *its = fixture_certificate_token(&vendor, &former);
	assert_int_equal(org_revoke(&list), 0);
	refuse_show(&a, E_CERTIFICATE_REVOKED, strdup(of_former), strdup(its));
	struct revocations none = {0};
	assert_int_equal(org_revoke(&none), 0);
	assert_int_equal(show(&a.c, of_former, its), 0);
	assert_int_equal(activation_of(&a.c).u.activation.holding.serial, 7);
	assert_sound();
	free(of_former);
	free(its);
	host_key_free(other);
	free_ahead(&a);
}

/* What it was given before an administrator dropped it lets it in no more; what it gets later does. */
static void test_a_forgotten_device_is_a_new_one(void **state)
{
	struct ahead a = make_ahead();
	struct lease later = a.c.held[0];
	char id[DEVICE_ID_TEXT];
	(void)state;
	device_id_write(a.c.m.id, id);
	randombytes_buf(a.c.m.token, REQUEST_TOKEN);
	must((struct change){.kind = CHANGE_DEVICE_BLOCK, .device = id});
	assert_int_equal(show(&a.c, a.c.lease[0], a.c.certificate[0]), E_DEVICE_BLOCKED);
	for (int i = 0; i < 2; i++) { /* again is no fault */
		must((struct change){.kind = CHANGE_DEVICE_FORGET, .device = id});
		restart();
		assert_int_equal(show(&a.c, a.c.lease[0], a.c.certificate[0]), E_LEASE_OLD);
		struct job *job = client_job(&a.c, JOB_ACTIVATE, 0, "");
		run(job);
		assert_int_equal(job->code ? job->code : job->lines[0].answer.code, 0);
		job_free(job);
	}
	must((struct change){.kind = CHANGE_DEVICE_FORGET, .device = id});
	later.head.iat = now + 1;
	char *token = resigned(&later, key);
	assert_int_equal(show(&a.c, token, a.c.certificate[0]), 0);
	assert_int_equal(audits("activation.adopted"), 1);
	assert_sound();
	free(token);
	free_ahead(&a);
}

static void test_tries_are_limited(void **state)
{
	struct ahead a = make_ahead();
	int code = 0;
	(void)state;
	for (int i = 0; i < 300 && code != E_BUSY; i++)
		code = show(&a.c, "v4.public.x", a.c.certificate[0]);
	assert_int_equal(code, E_BUSY);
	now += 3600;
	assert_int_equal(show(&a.c, a.c.lease[0], a.c.certificate[0]), 0);
	free_ahead(&a);
}

/* What is shown while the clock cannot be believed is not adopted, and is no try. */
static void test_an_unsafe_clock_adopts_nothing(void **state)
{
	struct ahead a = make_ahead();
	(void)state;
	watch_clock();
	for (int i = 0; i < 300; i++) {
		jump = (i % 2 ? 180 : -180) * (int64_t)DAY;
		refuse_show(&a, E_CLOCK_UNSAFE, NULL, NULL);
	}
	jump = 0;
	assert_int_equal(show(&a.c, a.c.lease[0], a.c.certificate[0]), 0);
	unwatch_clock();
	free_ahead(&a);
}

/* A user who signed in after the backup, and was made again since, is bound and holds what the lease says;
 * one whom the ledger does not know any more is not made up. Without a backup a user who was made later is
 * another one. */
static void test_users_leases(void **state)
{
	struct client c = {.m = machine(3)};
	struct lease l = {.model = MODEL_USER,
			  .product = "acme-cad",
			  .user = "ann",
			  .grant = "cad-users",
			  .license = "fjord-1",
			  .org = "fjord",
			  .serial = 4};
	(void)state;
	org_users(5);
	must(ADD_USER("ann"));
	must(ASSIGN("ann"));
	memcpy(l.head.iss, key->id, sizeof(l.head.iss));
	memcpy(l.vendor, vendor.pid, sizeof(l.vendor));
	memcpy(l.device, c.m.id, DEVICE_ID);
	l.head.iat = now - 60;
	strcpy(l.head.jti, "x");
	l.exp = now + 30 * (int64_t)DAY;
	randombytes_buf(c.m.token, REQUEST_TOKEN);
	randombytes_buf(c.m.ratchet, RATCHET);
	c.m.counter = 9;
	struct certificate cert = usual_certificate();
	char *its = fixture_certificate_token(&vendor, &cert);
	char *token = resigned(&l, key);
	assert_int_equal(show(&c, token, its), E_LEASE_OLD);
	assert_int_equal(audits("user.signed-in"), 0);
	mark_restored(key);
	assert_int_equal(show(&c, token, its), 0);
	assert_int_equal(audits("user.signed-in"), 1);
	free(token);
	strcpy(l.user, "bob");
	l.serial = 5;
	token = resigned(&l, key);
	assert_int_equal(show(&c, token, its), E_NOT_FOUND);
	free(token);
	struct job *job = client_job(&c, JOB_RENEW, 0, "ann");
	job->shows = true;
	run(job);
	struct lease fresh;
	assert_lease(job, 0, "acme-cad", &fresh);
	assert_int_equal(fresh.serial, 5);
	job_free(job);
	assert_int_equal(grant_named("cad-users").u.grant.active, 1);
	assert_sound();
	free(its);
}

/* A host with other keys on the same ledger: nothing is served under the former host's certificate. */
static void test_another_key_needs_a_certificate_of_its_own(void **state)
{
	struct host_key *other = fixture_host_key("other.key");
	struct machine m = machine(1);
	(void)state;
	license_host(1);
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), 0);
	broker_close(&broker);
	assert_int_equal(broker_open(&broker, &flaky.store, other, &counters), 0);
	struct credentials *shown = credentials_take(&broker.board);
	assert_int_equal(shown->n, 0);
	credentials_give_back(&broker.board, shown);
	assert_int_equal(ask(&m, JOB_RENEW, NULL), E_PRODUCT_UNKNOWN);
	struct certificate c = fixture_certificate(&vendor, other, broker.ledger);
	assert_int_equal(install_certificate(&c), 0);
	assert_int_equal(ask(&m, JOB_RENEW, NULL), 0);
	assert_int_equal(audits("device.rolled-back") + audits("device.forked"),
			 0); /* the ledger's secret stayed */
	broker_close(&broker);
	assert_int_equal(broker_open(&broker, &flaky.store, key, &counters), 0);
	host_key_free(other);
}

/* --- the host as a whole --- */

static int event(enum host_event what)
{
	struct job *job = job_new(JOB_HOST, 0);
	assert_non_null(job);
	job->event = what;
	job->event_time = now - 60;
	strcpy(job->actor, "uid:0");
	return run_and_free(job);
}

/* Nothing changes any more, also after a restart; and comes back as it was. */
static void test_a_retired_host_serves_nobody(void **state)
{
	struct machine m = machine(1);
	(void)state;
	license_host(1);
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), 0);
	assert_int_equal(event(HOST_RETIRED), 0);
	assert_int_equal(atomic_load(&broker.retired), now);
	int64_t rows = audits(NULL);
	now += 60;
	assert_int_equal(event(HOST_RETIRED), 0); /* once is enough */
	assert_int_equal(ask(&m, JOB_RENEW, NULL), E_HOST_RETIRED);
	assert_int_equal(ask(&m, JOB_POLICY, NULL), E_HOST_RETIRED);
	assert_int_equal(order(ADD_USER("ann")), E_HOST_RETIRED);
	assert_int_equal(install_license(fixture_volume(&vendor, 2, 1)), E_HOST_RETIRED);
	assert_int_equal(run_and_free(install_job(JOB_SWEEP, NULL)), 0);
	assert_int_equal(audits(NULL), rows);
	if (strcmp(flaky.inner->ops->name, sqlite_name) == 0)
		restart();
	assert_int_equal(ask(&m, JOB_RENEW, NULL), E_HOST_RETIRED);
	assert_int_equal(event(HOST_BACKED_UP), 0);
	assert_int_equal(event(HOST_RETURNED), 0);
	assert_int_equal(ask(&m, JOB_RENEW, NULL), 0);
	assert_int_equal(audits("host.retired"), 1);
	assert_int_equal(audits("host.returned"), 1);
	assert_int_equal(audits("backup.made"), 1);
	assert_sound();
}

/* What could not be stored is not in force. */
static void test_retiring_is_durable_or_nothing(void **state)
{
	struct machine m = machine(1);
	(void)state;
	license_host(1);
	flaky.error = E_STORE_FULL;
	flaky.commits_to_fail = 1;
	assert_int_equal(event(HOST_RETIRED), E_STORE_FULL);
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_restored_at_any_point),
		BOTH(test_a_device_that_is_ahead_is_asked_and_goes_on),
		BOTH(test_showing_twice_is_showing_once),
		BOTH(test_a_client_that_cannot_show_is_served_and_told_of),
		BOTH(test_what_is_not_adopted),
		BOTH(test_a_forgotten_device_is_a_new_one),
		BOTH(test_tries_are_limited),
		BOTH(test_an_unsafe_clock_adopts_nothing),
		BOTH(test_users_leases),
		BOTH(test_another_key_needs_a_certificate_of_its_own),
		BOTH(test_a_retired_host_serves_nobody),
		BOTH(test_retiring_is_durable_or_nothing),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
