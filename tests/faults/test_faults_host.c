/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host's life, from opening its database to closing it, while one allocation after the other fails, once
 * and from then on (DESIGN 10, promise 2): no crash, nothing that was acknowledged is lost, nothing is read
 * wrongly, and no memory is lost, either. FAULT_STRIDE=1 looks at each, otherwise every so many are looked
 * at.
 */
#include "org.h"

#include <sqlite3.h>

#include "backup.h"
#include "channel.h"
#include "fail_walk.h"
#include "message.h"
#include "rpc.h"
#include "session.h"

#define STRIDE 59
#define MOST 200000

enum { ANN, POOL, FRESH, KEYED, ONLINE, FILED, MACHINES };

/* What the host has told a machine. */
struct promise {
	uint64_t counter;
	int64_t serial; /* of the lease that it has; 0: none */
	bool doubtful;  /* a call that ends the lease may or may not have been done */
};

static char host_db[256];
static char template_db[256];
static char crashed_db[256];
static char backup_file[256];
static struct store *store;
static struct machine machines[MACHINES];
static struct machine machines_before[MACHINES];
static struct promise told[MACHINES];
static struct promise told_before[MACHINES];
static uint8_t ledger[LEDGER_ID];
static struct noise_pair online_pair;
static uint8_t online_sign[PASETO_PUBLIC];
static char code[KEYCODE_KEY + 1];
static char enrol_key[KEYCODE_KEY + 1];
static char product_key[KEYCODE_KEY + 1];
static bool opened;

/* --- a database to begin with --- */

static void copy_file(const char *from, const char *to)
{
	static char bytes[4 << 20];
	FILE *in = fopen(from, "rb");
	assert_non_null(in);
	size_t n = fread(bytes, 1, sizeof(bytes), in);
	fclose(in);
	assert_true(n > 0 && n < sizeof(bytes));
	fixture_write(to, bytes, n);
}

static void remove_database(const char *at)
{
	static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
	char file[300];
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(file, sizeof(file), "%s%s", at, ends[i]);
		unlink(file);
	}
}

static const char *url_of(const char *path)
{
	static char url[300];
	snprintf(url, sizeof(url), "sqlite:%s", path);
	return url;
}

static void must_open(const char *path)
{
	assert_int_equal(store_open(url_of(path), &store), 0);
	assert_int_equal(broker_open(&broker, store, key, &counters), 0);
	flaky.inner = store; /* where org.h looks */
	opened = true;
}

static void close_all(void)
{
	if (opened) {
		broker_close(&broker);
		store_close(store);
	}
	opened = false;
}

static struct redemption gift;

static void make_license(void)
{
	static struct grant grants[3];
	char typed[KEYCODE_TEXT];
	grants[0] = with_plans(org_grant("cad-users", MODEL_USER, 3), "modeler", "render");
	grants[1] = with_plans(org_grant("cad-pool", MODEL_POOL, 5), "modeler", "render");
	grants[2] = org_grant("sim-devices", MODEL_DEVICE, 3);
	strcpy(grants[2].product, "acme-sim");
	keycode_make(KEYCODE_KEY, typed);
	assert_int_equal(keycode_read(typed, KEYCODE_KEY, product_key), 0);
	gift.quantity = 1;
	keycode_hash(product_key, grants[0].key_salt, KEYCODE_SALT, gift.hash);
	grants[0].redemptions = &gift;
	grants[0].n_redemptions = 1;
	grants[0].redeem_from_device = true;
	org_open(grants, 3);
}

static void tell(size_t who, const struct job *job)
{
	learn(&machines[who], job);
	told[who].counter = job->counter;
	told[who].serial = job->lines[0].answer.serial;
}

static void make_people(void)
{
	char typed[KEYCODE_TEXT];
	must(ADD_USER("ann"));
	must(ADD_USER("bob"));
	must(ADD_GROUP("staff"));
	must(ASSIGN_GROUP("staff"));
	must(JOIN("ann", "staff"));
	must(JOIN("bob", "staff"));
	must((struct change){.kind = CHANGE_GROUP_ADD, .group = "floor", .devices = true});
	must((struct change){.kind = CHANGE_ASSIGN, .device_group = "floor", .product = "acme-sim"});
	must((struct change){.kind = CHANGE_ENROL_KEY_ADD, .group = "floor"});
	assert_int_equal(keycode_read(done.output, KEYCODE_KEY, enrol_key), 0);
	struct job *job = request(&machines[ANN], JOB_SIGN_IN, true);
	new_code("ann", typed);
	assert_int_equal(keycode_read(typed, KEYCODE_CODE, code), 0);
	memcpy(job->signin_code, code, sizeof(job->signin_code));
	strcpy(job->lines[0].user, "ann");
	run(job);
	assert_int_equal(job->code, 0);
	assert_int_equal(job->lines[0].answer.code, 0);
	tell(ANN, job);
	job_free(job);
	new_code("bob", typed);
	assert_int_equal(keycode_read(typed, KEYCODE_CODE, code), 0);
}

/* The same as if the host had been killed, so that it is checked when it is opened. */
static void make_crashed(void)
{
	sqlite3 *db;
	copy_file(template_db, crashed_db);
	assert_int_equal(sqlite3_open(crashed_db, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "UPDATE meta SET value = x'00' WHERE key = 'clean'", NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
}

static void make_template(void)
{
	now = NOW;
	for (size_t i = 0; i < MACHINES; i++)
		machines[i] = machine((uint8_t)(i + 1));
	noise_pair_make(&online_pair);
	memset(online_sign, 7, sizeof(online_sign));
	device_id(online_pair.public, online_sign, machines[ONLINE].id);
	must_open(template_db);
	memcpy(ledger, broker.ledger, LEDGER_ID);
	make_license();
	make_people();
	struct job *job = request(&machines[POOL], JOB_ACTIVATE, true);
	run(job);
	assert_int_equal(job->lines[0].answer.code, 0);
	tell(POOL, job);
	job_free(job);
	now += 100;
	close_all();
	make_crashed();
	memcpy(machines_before, machines, sizeof(machines));
	memcpy(told_before, told, sizeof(told));
}

static int start(void **state)
{
	group_setup(state);
	log_level_set(LOG_LEVEL_ERROR);
	fixture_file("host.db", host_db);
	fixture_file("template.db", template_db);
	fixture_file("crashed.db", crashed_db);
	fixture_file("host.backup", backup_file);
	fail->no_sync = 1;
	make_template();
	return 0;
}

/* --- the walk --- */

static bool gives_lease(const struct job *job)
{
	return job->kind == JOB_ACTIVATE || job->kind == JOB_RENEW || job->kind == JOB_SIGN_IN;
}

static bool acknowledged(const struct job *job)
{
	return !job->code && !job->lines[0].answer.code;
}

/* A machine's call; what it was told is kept. */
static void call(size_t who, struct job *job, bool ends)
{
	told[who].doubtful |= ends;
	UNDER_FAULT(broker_run(&broker, &job, 1, now));
	if (acknowledged(job)) {
		if (gives_lease(job)) {
			assert_non_null(job->lines[0].lease);
			assert_non_null(job->lines[0].certificate);
			told[who].serial = job->lines[0].answer.serial;
		}
		learn(&machines[who], job);
		told[who].counter = job->counter;
		if (ends)
			told[who].serial = 0;
		told[who].doubtful = false;
	}
	job_free(job);
}

static void sign_in_bob(void)
{
	struct job *job = request(&machines[FRESH], JOB_SIGN_IN, true);
	memcpy(job->signin_code, code, sizeof(job->signin_code));
	strcpy(job->lines[0].user, "bob");
	call(FRESH, job, false);
}

static void enrol_with_key(void)
{
	struct job *job = request(&machines[KEYED], JOB_ACTIVATE, true);
	strcpy(job->lines[0].product, "acme-sim");
	memcpy(job->lines[0].key, enrol_key, sizeof(enrol_key));
	call(KEYED, job, false);
}

static void redeem(void)
{
	struct job *job = request(&machines[ANN], JOB_REDEEM, true);
	memcpy(job->lines[0].key, product_key, sizeof(product_key));
	UNDER_FAULT(broker_run(&broker, &job, 1, now));
	if (acknowledged(job)) {
		learn(&machines[ANN], job);
		told[ANN].counter = job->counter;
	}
	job_free(job);
}

static void change_hardware(void)
{
	struct job *job = request(&machines[POOL], JOB_ACTIVATE, true);
	job->lines[0].machine.n = 1;
	job->lines[0].machine.parts[0].kind = 2;
	job->lines[0].machine.parts[0].tag = 77;
	call(POOL, job, false);
}

static void sign_out_ann(void)
{
	struct job *job = request(&machines[ANN], JOB_SIGN_OUT, true);
	strcpy(job->lines[0].user, "ann");
	call(ANN, job, true);
}

static void ask_by_file(void)
{
	struct job *file = job_new(JOB_OFFLINE, 0);
	struct job *part = job_new(JOB_ACTIVATE, 1);
	assert_true(file && part);
	part->by_file = part->may_enrol = true;
	part->text = strdup("token");
	memcpy(part->device, machines[FILED].id, DEVICE_ID);
	memcpy(part->vendor, vendor.pid, sizeof(part->vendor));
	part->shown.token[0] = 1;
	strcpy(part->lines[0].product, "acme-cad");
	file->parts = malloc(sizeof(struct job *));
	file->parts[file->n_parts++] = part;
	UNDER_FAULT(broker_run(&broker, &file, 1, now));
	if (!file->code && !part->lines[0].answer.code) {
		assert_non_null(part->answer);
		told[FILED].serial = part->lines[0].answer.serial;
	}
	job_free(file);
}

/* What was ordered is all there, or nothing of it. */
static int orders_done; /* -1: they were refused */

static void give_orders(void)
{
	const struct change all[] = {
		ADD_USER("dan"),
		JOIN("dan", "staff"),
		ASSIGN("nobody"), /* is refused, and undoes itself */
		{.kind = CHANGE_GROUP_ADD, .group = "guests"},
		{.kind = CHANGE_SIGNIN_CODE, .user = "ann"},
	};
	struct job *job = order_job(all, sizeof(all) / sizeof(all[0]), CONFIRM);
	UNDER_FAULT(broker_run(&broker, &job, 1, now));
	orders_done = job->code ? -1 : 1;
	for (size_t i = 0; i < job->orders->n && !job->code; i++)
		assert_int_equal(job->orders->changes[i].code, i == 2 ? E_NOT_FOUND : 0);
	job_free(job);
}

static void ask_why(void)
{
	struct job *job = request(&machines[FRESH], JOB_ACTIVATE, true);
	job->dry_run = true;
	UNDER_FAULT(broker_run(&broker, &job, 1, now));
	job_free(job);
}

static void sweep_old(void)
{
	struct job *job = job_new(JOB_SWEEP, 0);
	UNDER_FAULT(broker_run(&broker, &job, 1, now));
	job_free(job);
}

/* --- a session, with its client beside it --- */

static struct session session;
static struct channel client;

/* Let the host do all it can. Returns whether it goes on. */
static bool pump(void)
{
	for (int i = 0; i < 100; i++) {
		struct job *job = NULL;
		enum session_event event = SESSION_CLOSE;
		UNDER_FAULT(event = session_next(&session, now, &job));
		if (event == SESSION_IDLE || event == SESSION_CLOSE)
			return event == SESSION_IDLE;
		if (event == SESSION_CRYPTO) {
			UNDER_FAULT(session_crypto(&session));
			continue;
		}
		job->may_enrol = true;
		UNDER_FAULT(broker_run(&broker, &job, 1, now));
		UNDER_FAULT(session_answer(&session, job));
		job_free(job);
	}
	fail_msg("the session does not come to rest");
	return false;
}

/* Carry what both have to say; false: the connection is over. */
static bool carry(void)
{
	bool lives = true;
	if (client.out.used) {
		UNDER_FAULT(session_feed(&session, client.out.bytes, client.out.used));
		buffer_drop(&client.out, client.out.used);
		lives = pump();
	}
	struct buffer *out = &session.channel.out;
	if (out->used) {
		int error = channel_feed(&client, out->bytes, out->used);
		buffer_drop(out, out->used);
		lives &= !error;
	}
	return lives;
}

static void online_request(wire_request *r)
{
	*r = (wire_request){.id = 1, .which_call = muster_v1_Request_activate_tag};
	muster_v1_Activate *c = &r->call.activate;
	c->has_once = c->has_device = true;
	memset(c->once.token, 0x11, sizeof(c->once.token));
	memcpy(c->device.sign, online_sign, sizeof(c->device.sign));
	strcpy(c->device.hostname, "wolf.example");
	c->wants_count = 1;
	strcpy(c->wants[0].product, "acme-cad");
}

static bool greet(uint8_t bytes[LIMIT_REQUEST])
{
	wire_client_hello hello = {.version = 1, .vendors_count = 1};
	const uint8_t *payload;
	size_t n;
	memcpy(hello.vendors[0], vendor.pid_bytes, PASERK_ID);
	assert_int_equal(client_hello_write(&hello, bytes, LIMIT_REQUEST, &n), 0);
	assert_int_equal(channel_start(&client, bytes, n), 0);
	if (!carry() || channel_next(&client) != CHANNEL_ANSWER)
		return false;
	return channel_answer(&client, &payload, &n) == 0;
}

static void activate_online(void)
{
	static wire_request r;
	static wire_response answer;
	uint8_t bytes[LIMIT_REQUEST];
	const uint8_t *payload;
	size_t n;
	channel_init(&client, NOISE_INITIATOR, &online_pair, NULL);
	UNDER_FAULT(session_init(&session, &key->fixed, &broker.board));
	online_request(&r);
	assert_int_equal(request_write(&r, bytes + 600, sizeof(bytes) - 600, &n), 0);
	size_t request_n = n;
	if (greet(bytes) && channel_confirm(&client, bytes + 600, request_n) == 0 && carry() &&
	    channel_next(&client) == CHANNEL_MESSAGE) {
		assert_int_equal(channel_open(&client, &payload, &n), 0);
		assert_int_equal(response_read(payload, n, &answer), 0);
		const muster_v1_Answer *a = &answer.result.answer;
		if (!answer.status.code && a->results_count == 1 && !a->results[0].status.code) {
			assert_true(a->results[0].lease[0] && a->results[0].certificate[0]);
			told[ONLINE].counter = machines[ONLINE].counter = a->counter;
			memcpy(machines[ONLINE].ratchet, a->ratchet.bytes, RATCHET);
			told[ONLINE].serial = 1;
		}
	}
	channel_fini(&client);
	session_fini(&session);
}

/* --- looking at it beside --- */

static int hash_all(struct store *s, uint8_t out[32])
{
	static const enum listing_kind kinds[] = {
		LIST_META,  LIST_LICENSE, LIST_CERTIFICATE, LIST_GRANT, LIST_DEVICE,
		LIST_AUDIT, LIST_DAILY,   LIST_ACTIVATION,  LIST_SKEW,  LIST_HISTORY};
	struct hashing h;
	int error = 0;
	crypto_generichash_init(&h.state, NULL, 0, 32);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !error; i++) {
		struct listing l = {.kind = h.kind = kinds[i], .now = now};
		error = store_page(s, &l, hash_row, &h);
	}
	for (int kind = 0; kind < RECORD_KINDS && !error; kind++) {
		struct record any = {.kind = (enum record_kind)kind};
		struct listing l = {.kind = h.kind = LIST_RECORD, .like = &any};
		error = store_page(s, &l, hash_row, &h);
	}
	crypto_generichash_final(&h.state, out, 32);
	return error;
}

/* A list is right, or there is an error. */
static void list(void)
{
	struct store *reader;
	uint8_t right[32];
	uint8_t seen[32];
	int error = E_NO_MEMORY;
	assert_int_equal(hash_all(store, right), 0);
	UNDER_FAULT(error = store_reader(store, &reader));
	if (error)
		return;
	UNDER_FAULT(error = hash_all(reader, seen));
	if (!error)
		assert_memory_equal(seen, right, sizeof(right));
	UNDER_FAULT(error = store_check(reader, now, refuse_finding, NULL));
	assert_true(error == 0 || error == E_NO_MEMORY);
	store_close(reader);
}

static void back_up(void)
{
	struct store *reader;
	struct archive_info info;
	char detail[BACKUP_DETAIL];
	int error = E_NO_MEMORY;
	UNDER_FAULT(error = store_reader(store, &reader));
	if (error)
		return;
	struct backup_order order = {
		.reader = reader, .key = key, .ledger = broker.ledger, .name = "host", .now = now};
	UNDER_FAULT(error = backup_make(&order, backup_file, &info, detail));
	store_close(reader);
	if (!error) /* then it is good */
		assert_int_equal(backup_verify(backup_file, now, &info, detail), 0);
	assert_int_equal(access(backup_file, F_OK) == 0, !error);
	if (!error)
		UNDER_FAULT(error = backup_verify(backup_file, now, &info, detail));
	unlink(backup_file);
}

static void open_under_fault(void)
{
	int error = E_NO_MEMORY;
	UNDER_FAULT(error = store_open(url_of(host_db), &store));
	if (error)
		return;
	UNDER_FAULT(error = broker_open(&broker, store, key, &counters));
	if (error) {
		store_close(store);
		return;
	}
	opened = true;
	flaky.inner = store;
	UNDER_FAULT(broker_started(&broker, now, "test"));
	assert_memory_equal(broker.ledger, ledger, LEDGER_ID);
}

/* Once there is memory again, everybody is served without a restart. */
static void serve(void)
{
	for (size_t i = 0; i < ONLINE; i++) {
		static const char *const users[ONLINE] = {[ANN] = "ann", [FRESH] = "bob"};
		struct job *job = request(&machines[i], JOB_RENEW, true);
		strcpy(job->lines[0].user, users[i] ? users[i] : "");
		if (i == KEYED)
			strcpy(job->lines[0].product, "acme-sim");
		run(job);
		assert_int_equal(job->code, 0);
		/* Who was told of a lease, and has not given it back, gets another. */
		if (told[i].serial && !told[i].doubtful) {
			assert_int_equal(job->lines[0].answer.code, 0);
			assert_non_null(job->lines[0].lease);
		}
		learn(&machines[i], job);
		told[i].counter = job->counter;
		job_free(job);
	}
	assert_int_equal(broker.catalog.n_licenses, 1);
	assert_int_equal(broker.catalog.n_certificates, 1);
}

static void walk(void)
{
	static void (*const steps[])(void) = {
		activate_online, sign_in_bob, enrol_with_key, redeem,  change_hardware, ask_by_file,
		give_orders,     ask_why,     list,           back_up, sign_out_ann,    sweep_old};
	open_under_fault();
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && opened; i++) {
		now += 60;
		steps[i]();
		assert_int_equal(atomic_load(&broker.fatal), 0);
	}
	if (opened)
		serve();
	if (opened)
		UNDER_FAULT(broker_stopped(&broker, now, "test"));
	UNDER_FAULT(close_all());
}

/* --- and what is left --- */

static void nothing_is_forgotten(void)
{
	for (size_t i = 0; i < MACHINES; i++) {
		struct device_facts facts;
		int64_t serial = held_serial(store, &machines[i], &facts);
		assert_true(facts.ratchet.counter >= told[i].counter);
		assert_true(told[i].doubtful || serial >= told[i].serial);
	}
	assert_int_equal(user_num("dan") != 0, orders_done == 1);
}

static void look(void)
{
	must_open(host_db);
	assert_memory_equal(broker.ledger, ledger, LEDGER_ID);
	nothing_is_forgotten();
	assert_sound();
	serve();
	assert_sound();
	close_all();
}

static void begin_anew(bool crashed)
{
	remove_database(host_db);
	copy_file(crashed ? crashed_db : template_db, host_db);
	memcpy(machines, machines_before, sizeof(machines));
	memcpy(told, told_before, sizeof(told));
	memset(&counters, 0, sizeof(counters));
	orders_done = -1;
	now = NOW + 1000;
}

/* Returns whether there was such an allocation. */
static bool round_at(const struct failing *f, long at)
{
	begin_anew(at % 2 == 0);
	bool met = fail_during(f, at, walk);
	look();
	return met;
}

static void every_allocation(bool for_good)
{
	const struct failing f = {FAIL_MEMORY, for_good, 0};
	round_at(&f, 0); /* what libraries keep for ever is there then */
	fail_everywhere(&f, round_at, fail_stride(STRIDE), 1000, MOST);
}

static void test_an_allocation_that_fails_once(void **state)
{
	(void)state;
	every_allocation(false);
}

static void test_allocations_that_fail_from_then_on(void **state)
{
	(void)state;
	every_allocation(true);
}

/* Of one renewal and its answer. Returns whether there was such an allocation. */
static bool answer_at(long at)
{
	static wire_response response;
	begin_anew(false);
	must_open(host_db);
	struct job *job = request(&machines[ANN], JOB_RENEW, true);
	strcpy(job->lines[0].user, "ann");
	fail_order(FAIL_MEMORY, at, false, 0);
	UNDER_FAULT(broker_run(&broker, &job, 1, now));
	UNDER_FAULT(rpc_response(job, &response));
	bool met = fail->failures > 0;
	fail_order(FAIL_NOTHING, 0, false, 0);
	const wire_result *result = &response.result.answer.results[0];
	bool leased = !response.status.code && !result->status.code;
	assert_true(leased || met);
	assert_true(!leased || (result->lease[0] && result->certificate[0]));
	job_free(job);
	close_all();
	return met;
}

static void test_each_allocation_of_an_answer(void **state)
{
	(void)state;
	for (fail_last = 1; fail_last < 2000 && answer_at(fail_last); fail_last++)
		;
	assert_in_range(fail_last, 20, 1999);
	fail_last = 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_each_allocation_of_an_answer, fail_say),
		cmocka_unit_test_teardown(test_an_allocation_that_fails_once, fail_say),
		cmocka_unit_test_teardown(test_allocations_that_fail_from_then_on, fail_say),
	};
	return cmocka_run_group_tests_name("faults: host", tests, start, group_teardown);
}
