/* SPDX-License-Identifier: Apache-2.0 */
/* Requests by file through the broker: granted once, answered with the same bytes, all of a file or nothing.
 */
#include "org.h"

#include "hardware.h"
#include "offline_answer.h"

#define MANY 30

static struct job *part(uint32_t device, uint8_t number)
{
	struct job *p = job_new(JOB_ACTIVATE, 1);
	struct machine m = numbered(device);
	char text[32];
	assert_non_null(p);
	snprintf(text, sizeof(text), "token %u.%u", (unsigned)device, number);
	p->text = strdup(text);
	p->by_file = p->may_enrol = true;
	memcpy(p->device, m.id, DEVICE_ID);
	memcpy(p->vendor, vendor.pid, sizeof(p->vendor));
	snprintf(p->hostname, sizeof(p->hostname), "mine-%u", (unsigned)device);
	p->shown.token[0] = 1;
	p->shown.token[1] = number;
	memcpy(p->shown.token + 2, m.id, 4);
	strcpy(p->lines[0].product, "acme-cad");
	return p;
}

static struct job *file_of(size_t n, struct job **parts)
{
	struct job *job = job_new(JOB_OFFLINE, 0);
	assert_non_null(job);
	strcpy(job->actor, "uid:0");
	job->parts = calloc(n, sizeof(*parts));
	memcpy(job->parts, parts, n * sizeof(*parts));
	job->n_parts = n;
	return job;
}

/* Run a file with one request in it. */
static struct job *run_one(struct job *p)
{
	struct job *job = file_of(1, &p);
	run(job);
	assert_int_equal(job->code, 0);
	return job;
}

static int code_of(const struct job *job, size_t i)
{
	return job->parts[i]->lines[0].answer.code;
}

/* The code of the only request; *ret_answer (may be NULL) is freed by the caller. */
static int ask_by_file(struct job *p, char **ret_answer)
{
	struct job *job = run_one(p);
	int code = code_of(job, 0);
	assert_int_equal(code == 0, job->parts[0]->answer != NULL);
	if (ret_answer) {
		*ret_answer = job->parts[0]->answer;
		job->parts[0]->answer = NULL;
	}
	answered = job->parts[0]->lines[0];
	answered.lease = answered.certificate = NULL;
	job_free(job);
	return code;
}

static void open_answer(const char *token, struct lease *ret)
{
	static struct offline_answer a;
	static struct certificate cert;
	assert_int_equal(offline_answer_verify(token, strlen(token), ROOTS_OF(vendor.public), "acme-cad",
					       NULL, &a, ret, &cert),
			 0);
}

static void open_volume(uint32_t threshold)
{
	struct grant g = with_plans(org_grant("cad-volume", MODEL_VOLUME, 0), "modeler", "render");
	g.policy.threshold = threshold;
	org_open(&g, 1);
}

static int64_t count(void)
{
	return grant_named("cad-volume").u.grant.count;
}

/* --- one request --- */

static void test_a_request_is_granted_once_and_answered_alike(void **state)
{
	char *first;
	char *again;
	struct lease lease;
	(void)state;
	open_volume(1);
	assert_int_equal(ask_by_file(part(1, 1), &first), 0);
	open_answer(first, &lease);
	assert_int_equal(lease.serial, 1);
	assert_int_equal(lease.exp, now + 180 * (int64_t)DAY);
	assert_int_equal(lease.renew_after, lease.exp - 30 * (int64_t)DAY); /* it cannot renew every week */
	assert_int_equal(audits("activation.granted"), 1);
	assert_int_equal(audits("offline.answered"), 1);
	int64_t rows = audits(NULL);
	now += 40 * (int64_t)DAY;
	restart();
	assert_int_equal(ask_by_file(part(1, 1), &again), 0);
	assert_string_equal(first, again);
	assert_int_equal(audits(NULL), rows);
	assert_int_equal(grant_named("cad-volume").u.grant.active, 1);
	assert_int_equal(count(), 0); /* the repeat is no contact */
	free(again);
	/* Another request of the same machine is another lease, and the first stays what it was. */
	assert_int_equal(ask_by_file(part(1, 2), &again), 0);
	open_answer(again, &lease);
	assert_int_equal(lease.serial, 2);
	free(again);
	assert_int_equal(ask_by_file(part(1, 1), &again), 0);
	assert_string_equal(first, again);
	free(first);
	free(again);
	assert_int_equal(devices(), 1);
	assert_sound();
}

/* A refusal is not remembered: what the administrator changes counts for the same file. */
static void test_a_refused_request_may_be_tried_again(void **state)
{
	char id[DEVICE_ID_TEXT];
	struct machine m = numbered(1);
	(void)state;
	open_volume(1);
	assert_int_equal(ask_by_file(part(1, 1), NULL), 0);
	must((struct change){.kind = CHANGE_DEVICE_BLOCK, .device = machine_text(&m, id)});
	assert_int_equal(ask_by_file(part(1, 2), NULL), E_DEVICE_BLOCKED);
	assert_int_equal(records(RECORD_OFFLINE), 1);
	must((struct change){.kind = CHANGE_DEVICE_UNBLOCK, .device = id});
	assert_int_equal(ask_by_file(part(1, 2), NULL), 0);
	assert_int_equal(records(RECORD_OFFLINE), 2);
	must((struct change){.kind = CHANGE_DEVICE_FORGET, .device = id});
	assert_int_equal(records(RECORD_OFFLINE), 0);
	assert_sound();
}

/* What was signed with a number is answered under it, and nothing else. */
static void test_another_request_with_the_same_number(void **state)
{
	(void)state;
	open_volume(1);
	assert_int_equal(ask_by_file(part(1, 1), NULL), 0);
	struct job *p = part(1, 1);
	free(p->text);
	p->text = strdup("another token");
	assert_int_equal(ask_by_file(p, NULL), E_BAD_REQUEST);
	assert_non_null(strstr(answered.detail, "another request"));
	/* The number alone is nobody's: another machine may have drawn it. */
	struct job *other = part(2, 1);
	p = part(1, 1);
	memcpy(other->shown.token, p->shown.token, REQUEST_TOKEN);
	job_free(p);
	assert_int_equal(ask_by_file(other, NULL), 0);
}

static void test_whose_request_it_is(void **state)
{
	(void)state;
	open_volume(1);
	struct job *p = part(1, 1);
	p->vendor[10] = p->vendor[10] == 'A' ? 'B' : 'A';
	assert_int_equal(ask_by_file(p, NULL), E_VENDOR_NOT_PINNED);
	p = part(1, 1);
	strcpy(p->org, "lagoon");
	assert_int_equal(ask_by_file(p, NULL), E_WRONG_ORG);
	assert_int_equal(devices(), 0);
	p = part(1, 1);
	strcpy(p->org, "fjord");
	assert_int_equal(ask_by_file(p, NULL), 0);
	p = part(1, 2);
	strcpy(p->lines[0].product, "acme-tv");
	assert_int_equal(ask_by_file(p, NULL), E_PRODUCT_UNKNOWN);
}

/* A restored host gives a higher serial than the machine holds, or the machine would not take it. */
static void test_the_serial_is_above_the_one_that_is_held(void **state)
{
	(void)state;
	open_volume(1);
	struct job *p = part(1, 1);
	p->lines[0].lease_serial = 41;
	assert_int_equal(ask_by_file(p, NULL), 0);
	assert_int_equal(answered.answer.serial, 42);
}

static int take_hostname(const struct row *row, void *context)
{
	snprintf(context, LIMIT_HOSTNAME + 1, "%s", row->u.device.hostname);
	return 0;
}

static void expect_hostname(const char *want)
{
	char have[LIMIT_HOSTNAME + 1] = "?";
	struct listing l = {.kind = LIST_DEVICE, .now = now};
	assert_int_equal(store_page(flaky.inner, &l, take_hostname, have), 0);
	assert_string_equal(have, want);
}

static void test_a_request_that_names_nobody_leaves_the_names(void **state)
{
	(void)state;
	open_volume(1);
	struct job *p = part(1, 1);
	p->hostname[0] = 0;
	assert_int_equal(ask_by_file(p, NULL), 0);
	expect_hostname("");
	assert_int_equal(ask_by_file(part(1, 2), NULL), 0);
	expect_hostname("mine-1");
	p = part(1, 3);
	p->hostname[0] = 0;
	assert_int_equal(ask_by_file(p, NULL), 0);
	expect_hostname("mine-1");
	assert_int_equal(devices(), 1);
}

/* It goes on with the network, as if it had never been away. */
static void test_by_file_and_by_network(void **state)
{
	struct machine m = numbered(1);
	(void)state;
	open_volume(1);
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), 0);
	assert_int_equal(ask_by_file(part(1, 1), NULL), 0);
	assert_int_equal(answered.answer.serial, 2);
	assert_int_equal(ask(&m, JOB_RENEW, NULL), 0); /* the ratchet was not turned by the file */
	assert_int_equal(ask_by_file(part(1, 1), NULL), 0);
	assert_int_equal(answered.answer.serial, 2);
	assert_int_equal(devices(), 1);
	assert_int_equal(count(), 1);
	assert_int_equal(audits("device.rolled-back") + audits("device.forked"), 0);
	assert_sound();
}

/* --- models --- */

static void test_a_pool_wants_its_key_and_counts_once(void **state)
{
	char id[DEVICE_ID_TEXT];
	struct machine m = numbered(3);
	struct grant g = with_plans(org_grant("cad-pool", MODEL_POOL, 2), "modeler", "render");
	(void)state;
	g.policy.enrol = ENROL_APPROVE;
	org_open(&g, 1);
	assert_int_equal(ask_by_file(part(3, 1), NULL), E_APPROVAL_PENDING);
	must((struct change){.kind = CHANGE_DEVICE_APPROVE, .device = machine_text(&m, id)});
	assert_int_equal(ask_by_file(part(3, 1), NULL), 0);
	assert_true(answered.answer.expires > now + 300 * (int64_t)DAY);
	assert_int_equal(ask_by_file(part(3, 1), NULL), 0);
	assert_int_equal(ask_by_file(part(3, 2), NULL), 0);
	assert_int_equal(grant_named("cad-pool").u.grant.active, 1);
	assert_sound();
}

/* Whoever answers the file vouches for the user in it; a seat is needed all the same. */
static void test_a_user_is_signed_in_by_the_answer(void **state)
{
	(void)state;
	org_users(1);
	must(ADD_USER("kari"));
	must(ADD_USER("ola"));
	must(ASSIGN("kari"));
	assert_int_equal(ask_by_file(part(1, 1), NULL), E_SIGNIN_NEEDED);
	struct job *p = part(1, 1);
	strcpy(p->lines[0].user, "nobody");
	assert_int_equal(ask_by_file(p, NULL), E_SIGNIN_NEEDED);
	assert_int_equal(records(RECORD_BINDING), 0);
	p = part(1, 1);
	strcpy(p->lines[0].user, "ola");
	assert_int_equal(ask_by_file(p, NULL), E_NOT_ASSIGNED);
	p = part(1, 1);
	strcpy(p->lines[0].user, "kari");
	assert_int_equal(ask_by_file(p, NULL), 0);
	assert_int_equal(audits("user.signed-in"), 2);
	p = part(1, 2);
	strcpy(p->lines[0].user, "kari");
	assert_int_equal(ask_by_file(p, NULL), 0);
	assert_int_equal(audits("user.signed-in"), 2);
	assert_int_equal(records(RECORD_BINDING), 2);
	assert_sound();
}

/* --- many in one file --- */

static struct job *many(size_t n, uint8_t number)
{
	struct job *parts[MANY];
	for (size_t i = 0; i < n; i++)
		parts[i] = part((uint32_t)i + 1, number);
	return file_of(n, parts);
}

static void test_a_bundle_meets_a_threshold_together(void **state)
{
	(void)state;
	open_volume(25);
	struct job *job = many(24, 1);
	run(job);
	for (size_t i = 0; i < 24; i++)
		assert_int_equal(code_of(job, i), E_THRESHOLD_NOT_MET);
	job_free(job);
	assert_int_equal(count(), 24);
	assert_int_equal(records(RECORD_OFFLINE), 0);
	job = many(26, 2);
	run(job);
	for (size_t i = 0; i < 26; i++) {
		assert_int_equal(code_of(job, i), 0);
		assert_non_null(job->parts[i]->answer);
	}
	job_free(job);
	assert_int_equal(count(), 26);
	assert_int_equal(audits("activation.granted"), 26);
	assert_int_equal(audits("offline.answered"), 2);
	assert_sound();
}

static void test_the_same_request_twice_in_a_file(void **state)
{
	struct job *twice[] = {part(1, 1), part(2, 1), part(1, 1)};
	(void)state;
	open_volume(1);
	struct job *job = file_of(3, twice);
	run(job);
	assert_int_equal(code_of(job, 0) | code_of(job, 1) | code_of(job, 2), 0);
	assert_string_equal(job->parts[0]->answer, job->parts[2]->answer);
	assert_true(job->parts[2]->repeated);
	job_free(job);
	assert_int_equal(audits("activation.granted"), 2);
}

/* At whichever call the store fails, nothing of the file has happened, and the same file goes through later.
 */
static void test_a_failing_store_leaves_nothing_of_a_file(void **state)
{
	(void)state;
	open_volume(2);
	struct store_hash before = hash_store();
	int last = 0;
	for (int at = 1; at < 2000 && !last; at++) {
		struct job *job = many(3, 1);
		heal();
		flaky.fail_at = at;
		flaky.error = E_STORE_FULL;
		run(job);
		if (!flaky.failures)
			last = at;
		assert_int_equal(job->code, flaky.failures ? E_STORE_FULL : 0);
		for (size_t i = 0; i < 3; i++)
			assert_int_equal(job->parts[i]->answer != NULL, last != 0);
		job_free(job);
		if (!last)
			assert_same_store(before);
	}
	assert_true(last > 20);
	heal();
	assert_int_equal(count(), 3);
	assert_int_equal(audits("activation.granted"), 3);
	assert_sound();
}

static void test_what_was_granted_is_forgotten_after_400_days(void **state)
{
	(void)state;
	open_volume(1);
	assert_int_equal(ask_by_file(part(1, 1), NULL), 0);
	now += 200 * (int64_t)DAY;
	assert_int_equal(ask_by_file(part(1, 2), NULL), 0);
	now += 199 * (int64_t)DAY;
	sweep();
	assert_int_equal(records(RECORD_OFFLINE), 2);
	now += 2 * (int64_t)DAY;
	sweep();
	assert_int_equal(records(RECORD_OFFLINE), 1);
}

static void test_a_retired_host_answers_no_file(void **state)
{
	(void)state;
	open_volume(1);
	struct job *retire = job_new(JOB_HOST, 0);
	retire->event = HOST_RETIRED;
	assert_int_equal(run_and_free(retire), 0);
	struct job *job = many(1, 1);
	run(job);
	assert_int_equal(job->code, E_HOST_RETIRED);
	assert_null(job->parts[0]->answer);
	job_free(job);
}

/* --- by telephone --- */

static const uint8_t site_key[VOICE_KEY] = {5};

static void turn_voice_on(void)
{
	broker.voice.key = site_key;
	broker.voice.index = 3;
	broker.voice.days = 90;
}

static void open_voice(uint32_t threshold)
{
	open_volume(threshold);
	turn_voice_on();
}

/* An installation id of a machine whose keys are made of a number. */
static void make_iid(uint8_t number, uint8_t iid[VOICE_IID])
{
	const uint8_t fixed[NOISE_KEY] = {number};
	const uint8_t sign[PASETO_PUBLIC] = {number, 1};
	voice_installation_make(fixed, sign, voice_product(vendor.pid, "acme-cad"), number, iid);
}

static struct job *call(uint8_t number)
{
	struct job *p = job_new(JOB_ACTIVATE, 1);
	assert_non_null(p);
	p->by_file = p->by_voice = p->may_enrol = true;
	make_iid(number, p->voice.iid);
	return p;
}

/* Call, and check what is read back; its code. */
static int ask_by_voice(uint8_t number, struct voice_grant *ret)
{
	uint8_t license[VOICE_LICENSE];
	uint8_t key_of_license[VOICE_KEY];
	uint8_t cid[VOICE_CID];
	char bare[DIGITS_BARE];
	struct digits_report report;
	struct job *job = run_one(call(number));
	struct job *p = job->parts[0];
	int code = code_of(job, 0);
	assert_int_equal(code == 0, p->voice.text[0] != 0);
	if (!code) {
		voice_license(vendor.pid, "fjord-1", license);
		voice_key(site_key, license, 3, key_of_license);
		assert_int_equal(digits_read(p->voice.text, VOICE_CID_GROUPS, bare, &report), 0);
		assert_true(digits_number(bare, VOICE_CID_GROUPS, cid, VOICE_CID));
		assert_int_equal(voice_check(key_of_license, p->voice.iid, cid, ret), 0);
		assert_int_equal(ret->index, 3);
	}
	job_free(job);
	return code;
}

static void test_a_call_is_counted_once(void **state)
{
	struct voice_grant g;
	struct voice_grant again;
	(void)state;
	open_voice(2);
	assert_int_equal(ask_by_voice(1, &g), E_THRESHOLD_NOT_MET);
	assert_int_equal(ask_by_voice(2, &g), 0);
	assert_int_equal(ask_by_voice(1, &g), 0);
	assert_int_equal(g.sequence, 1);
	int64_t end = voice_end(g.day);
	assert_true(end > now + 88 * (int64_t)DAY && end <= now + 90 * (int64_t)DAY);
	int64_t rows = audits(NULL);
	restart();
	turn_voice_on();
	now += 40 * (int64_t)DAY;
	assert_int_equal(ask_by_voice(1, &again), 0); /* the line was bad: the same again */
	assert_memory_equal(&g, &again, sizeof(g));
	assert_int_equal(audits(NULL), rows);
	now += 10 * (int64_t)DAY;
	assert_int_equal(ask_by_voice(1, &again), 0);
	assert_int_equal(again.sequence, 2);
	assert_true(again.day > g.day);
	now += 60 * (int64_t)DAY;
	assert_int_equal(ask_by_voice(1, &again), E_VOICE_LIMIT);
	assert_int_equal(devices(), 2);
	assert_sound();
}

static void test_no_lease_is_longer_than_the_grant(void **state)
{
	struct voice_grant g;
	(void)state;
	struct grant grant = with_plans(org_grant("cad-volume", MODEL_VOLUME, 0), "modeler", "render");
	grant.policy.lease_days = 10;
	grant.policy.on_expiry = ON_EXPIRY_REDUCED;
	org_open(&grant, 1);
	turn_voice_on();
	assert_int_equal(ask_by_voice(1, &g), 0);
	assert_true(voice_end(g.day) <= now + 10 * (int64_t)DAY);
	assert_int_equal(g.flags, VOICE_REDUCED);
}

static void test_calls_that_are_for_nothing(void **state)
{
	struct voice_grant g;
	(void)state;
	open_volume(1);
	assert_int_equal(ask_by_voice(1, &g), E_VOICE_OFF);
	broker.voice.key = site_key;
	broker.voice.days = 90;
	struct job *p = call(1);
	p->voice.iid[0] = 0;
	struct job *job = run_one(p);
	assert_int_equal(code_of(job, 0), E_VERSION_UNSUPPORTED);
	job_free(job);
	p = call(1);
	p->voice.iid[1] ^= 1; /* another product */
	job = run_one(p);
	assert_int_equal(code_of(job, 0), E_INSTALLATION_UNKNOWN);
	job_free(job);
	assert_int_equal(devices(), 0);
}

/* Neither a file nor a call is answered while the clock cannot be believed, and nothing is counted. */
static void test_an_unsafe_clock_answers_nobody(void **state)
{
	static const int64_t jumps[] = {-180 * (int64_t)DAY, 180 * (int64_t)DAY};
	struct voice_grant g;
	(void)state;
	open_voice(1);
	watch_clock();
	assert_int_equal(ask_by_file(part(1, 1), NULL), 0);
	int64_t rows = audits(NULL);
	for (size_t i = 0; i < 4; i++) {
		struct job *p = i % 2 ? call(2) : part(2, 1);
		struct job *job = file_of(1, &p);
		jump = jumps[i / 2];
		run(job);
		assert_int_equal(job->code, E_CLOCK_UNSAFE);
		assert_null(p->answer);
		assert_string_equal(p->voice.text, "");
		job_free(job);
	}
	assert_int_equal(audits(NULL), rows);
	assert_int_equal(devices(), 1);
	jump = 0;
	assert_int_equal(ask_by_file(part(2, 1), NULL), 0);
	assert_int_equal(ask_by_voice(2, &g), 0);
	unwatch_clock();
}

/* Words are signed, so that they need no site key; they may hold as long as any lease, and end the row of
 * digits. */
static void test_words_instead_of_digits(void **state)
{
	struct voice_grant g;
	struct spoken_words words;
	struct words_report report;
	uint16_t numbers[WORDS];
	(void)state;
	open_volume(1);
	for (int i = 0; i < 4; i++) {
		struct job *p = call(1);
		p->voice.words = true;
		struct job *job = run_one(p);
		assert_int_equal(code_of(job, 0), 0);
		assert_int_equal(words_read(p->voice.text, numbers, &words, &report), 0);
		assert_int_equal(words_check(key->public, p->voice.iid, &words, &g), 0);
		assert_int_equal(g.sequence, i + 1);
		assert_true(voice_end(g.day) > now + 178 * (int64_t)DAY);
		job_free(job);
		now += 100 * (int64_t)DAY;
	}
	turn_voice_on();
	assert_int_equal(ask_by_voice(1, &g), 0); /* digits are not told for so long as the words are */
	assert_int_equal(g.sequence, 5);
	assert_true(voice_end(g.day) <= now + 90 * (int64_t)DAY);
	assert_int_equal(devices(), 1);
	assert_sound();
}

/* It comes back by network, with what it was told. */
static int come_back(struct machine *m, uint8_t number, unsigned sequence, uint32_t day)
{
	struct job *job = request(m, JOB_ACTIVATE, true);
	const struct voice_grant g = {.index = 3, .day = day, .sequence = sequence};
	job->lines[0].spoken = true;
	make_iid(number, job->lines[0].voice);
	voice_head_write(&g, job->lines[0].voice + VOICE_IID);
	return finish_request(m, job);
}

/* A pool with one place. */
static void open_place(enum enrol enrol)
{
	struct grant grant = with_plans(org_grant("cad-volume", MODEL_POOL, 1), "modeler", "render");
	grant.policy.enrol = enrol;
	org_open(&grant, 1);
	turn_voice_on();
}

static void test_a_machine_that_called_is_itself_again(void **state)
{
	struct machine m = numbered(9);
	struct voice_grant g;
	(void)state;
	open_place(ENROL_OPEN);
	assert_int_equal(ask_by_voice(1, &g), 0);
	assert_int_equal(ask(&m, JOB_ACTIVATE, NULL), E_POOL_EXHAUSTED);
	assert_int_equal(come_back(&m, 1, g.sequence, g.day), 0); /* in its own place */
	assert_int_equal(grant_named("cad-volume").u.grant.active, 1);
	assert_int_equal(audits("voice.settled"), 1);
	assert_int_equal(audits("voice.unknown"), 0);
	assert_sound();
}

/* What was told is not told again when the place that it stood for is not held any more. */
static void test_a_place_that_was_given_back_is_decided_anew(void **state)
{
	struct machine m = numbered(9);
	struct machine other = numbered(10);
	struct voice_grant g;
	struct voice_grant again;
	(void)state;
	open_place(ENROL_OPEN);
	assert_int_equal(ask_by_voice(1, &g), 0);
	assert_int_equal(come_back(&m, 1, g.sequence, g.day), 0);
	assert_int_equal(ask_by_voice(1, &again), E_POOL_EXHAUSTED); /* it has it by network */
	assert_int_equal(ask(&m, JOB_RELEASE, NULL), 0);
	/* Offline for good: a new one, which the machine takes. */
	assert_int_equal(ask_by_voice(1, &again), 0);
	assert_int_equal(again.sequence, 2);
	assert_int_equal(come_back(&m, 1, again.sequence, again.day), 0);
	assert_int_equal(ask(&m, JOB_RELEASE, NULL), 0);
	assert_int_equal(ask(&other, JOB_ACTIVATE, NULL), 0);
	assert_int_equal(ask_by_voice(1, &again), E_POOL_EXHAUSTED);
	assert_int_equal(grant_named("cad-volume").u.grant.active, 1);
	assert_sound();
}

/* Who is refused keeps the place that he has by telephone. */
static void test_a_refusal_takes_no_place(void **state)
{
	struct machine m = numbered(9);
	struct voice_grant g;
	char id[DEVICE_ID_TEXT];
	(void)state;
	open_place(ENROL_APPROVE);
	struct job *called = call(1);
	struct job *job = run_one(called);
	assert_int_equal(code_of(job, 0), E_APPROVAL_PENDING);
	device_id_write(called->device, id);
	job_free(job);
	must((struct change){.kind = CHANGE_DEVICE_APPROVE, .device = id});
	assert_int_equal(ask_by_voice(1, &g), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(come_back(&m, 1, g.sequence, g.day), E_APPROVAL_PENDING);
		assert_int_equal(audits("voice.settled"), 0);
		assert_int_equal(grant_named("cad-volume").u.grant.active, 1);
		restart();
	}
	device_id_write(m.id, id);
	must((struct change){.kind = CHANGE_DEVICE_APPROVE, .device = id});
	assert_int_equal(come_back(&m, 1, g.sequence, g.day), 0);
	assert_int_equal(audits("voice.settled"), 1);
	assert_int_equal(grant_named("cad-volume").u.grant.active, 1);
	assert_sound();
}

static void test_what_was_never_confirmed_is_told(void **state)
{
	struct machine m = numbered(9);
	struct voice_grant g;
	(void)state;
	open_voice(1);
	assert_int_equal(come_back(&m, 7, 1, 9000), 0); /* it is served all the same */
	assert_int_equal(audits("voice.unknown"), 1);
	assert_int_equal(come_back(&m, 7, 1, 9000), 0);
	assert_int_equal(audits("voice.unknown"), 1); /* once a day */
	struct machine other = numbered(10);
	assert_int_equal(ask_by_voice(8, &g), 0);
	assert_int_equal(come_back(&other, 8, g.sequence, g.day + 30), 0); /* it made itself a longer one */
	assert_int_equal(audits("voice.unknown"), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_a_request_is_granted_once_and_answered_alike),
		BOTH(test_a_refused_request_may_be_tried_again),
		BOTH(test_another_request_with_the_same_number),
		BOTH(test_whose_request_it_is),
		BOTH(test_the_serial_is_above_the_one_that_is_held),
		BOTH(test_a_request_that_names_nobody_leaves_the_names),
		BOTH(test_by_file_and_by_network),
		BOTH(test_a_pool_wants_its_key_and_counts_once),
		BOTH(test_a_user_is_signed_in_by_the_answer),
		BOTH(test_a_bundle_meets_a_threshold_together),
		BOTH(test_the_same_request_twice_in_a_file),
		BOTH(test_a_failing_store_leaves_nothing_of_a_file),
		BOTH(test_what_was_granted_is_forgotten_after_400_days),
		BOTH(test_a_retired_host_answers_no_file),
		BOTH(test_a_call_is_counted_once),
		BOTH(test_no_lease_is_longer_than_the_grant),
		BOTH(test_calls_that_are_for_nothing),
		BOTH(test_an_unsafe_clock_answers_nobody),
		BOTH(test_words_instead_of_digits),
		BOTH(test_a_machine_that_called_is_itself_again),
		BOTH(test_a_place_that_was_given_back_is_decided_anew),
		BOTH(test_a_refusal_takes_no_place),
		BOTH(test_what_was_never_confirmed_is_told),
	};
	return cmocka_run_group_tests_name("server/broker/request_offline", tests, group_setup,
					   group_teardown);
}
