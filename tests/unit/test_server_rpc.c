/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the protocol as jobs, outcomes as responses, and requests with wrong fields; all through a
 * session. */
#include "link.h"

static void test_ping_is_answered_at_once(void **state)
{
	struct link l;
	wire_response r;
	(void)state;
	link_open(&l, NULL);
	for (uint32_t i = 1; i <= 3; i++) {
		wire_request request = ping(i);
		send_request(&l, &request);
	}
	assert_int_equal(to_host(&l, SIZE_MAX), SESSION_IDLE);
	for (uint32_t i = 1; i <= 3; i++) {
		receive(&l, &r);
		assert_int_equal(r.id, i);
		assert_int_equal(r.time, NOW);
		assert_int_equal(r.which_result, muster_v1_Response_pong_tag);
		assert_int_equal(r.result.pong.echo.size, 5);
		assert_memory_equal(r.result.pong.echo.bytes, "hello", 5);
	}
	assert_int_equal(l.n_jobs, 0);
	link_fini(&l);
}

static void test_every_call_becomes_its_job(void **state)
{
	struct link l;
	(void)state;
	link_open(&l, NULL);
	wire_request renew = {.id = 1, .which_call = muster_v1_Request_renew_tag};
	wire_request like = activate(1);
	renew.call.renew.has_once = renew.call.renew.has_device = true;
	renew.call.renew.once = like.call.activate.once;
	renew.call.renew.once.counter = 41;
	renew.call.renew.once.ratchet.size = RATCHET;
	memset(renew.call.renew.once.ratchet.bytes, 0x44, RATCHET);
	renew.call.renew.device = like.call.activate.device;
	renew.call.renew.wants_count = LIMIT_LINES;
	for (int i = 0; i < LIMIT_LINES; i++)
		snprintf(renew.call.renew.wants[i].product, 64, "product-%d", i);
	send_request(&l, &renew);
	wire_request release = {.id = 2, .which_call = muster_v1_Request_release_tag};
	release.call.release.has_once = release.call.release.has_device = true;
	release.call.release.once = like.call.activate.once;
	release.call.release.device = like.call.activate.device;
	strcpy(release.call.release.product, "acme-cad");
	send_request(&l, &release);
	wire_request policy = {.id = 3, .which_call = muster_v1_Request_get_policy_tag};
	strcpy(policy.call.get_policy.product, "acme-cad");
	send_request(&l, &policy);
	assert_int_equal(to_host(&l, SIZE_MAX), SESSION_IDLE);
	assert_int_equal(l.n_jobs, 3);
	assert_int_equal(l.jobs[0]->kind, JOB_RENEW);
	assert_int_equal(l.jobs[0]->n_lines, LIMIT_LINES);
	assert_string_equal(l.jobs[0]->lines[7].product, "product-7");
	assert_int_equal(l.jobs[0]->shown.counter, 41);
	assert_int_equal(l.jobs[0]->shown.ratchet[15], 0x44);
	assert_int_equal(l.jobs[1]->kind, JOB_RELEASE);
	assert_string_equal(l.jobs[1]->lines[0].product, "acme-cad");
	assert_int_equal(l.jobs[2]->kind, JOB_POLICY);

	/* A policy's answer. */
	wire_response r;
	l.jobs[2]->now = NOW;
	l.jobs[2]->lines[0].answer = (struct answer_line){.code = E_THRESHOLD_NOT_MET,
							  .numbers = {3, 25, -1, -1, -1},
							  .have = 3,
							  .need = 25,
							  .renew_minutes = 60,
							  .retry_minutes = 15};
	session_answer(&l.host, l.jobs[2]);
	receive(&l, &r);
	assert_int_equal(r.id, 3);
	assert_int_equal(r.which_result, muster_v1_Response_policy_tag);
	assert_int_equal(r.result.policy.status.code, 41);
	assert_int_equal(r.result.policy.need, 25);
	assert_int_equal(r.result.policy.retry_minutes, 15);
	link_fini(&l);
}

static void test_a_refusal_carries_its_numbers(void **state)
{
	struct link l;
	wire_response r;
	wire_request request = activate(7);
	(void)state;
	link_open(&l, &request);
	struct job *job = l.jobs[0];
	job->lines[0].answer = (struct answer_line){.code = E_QUANTITY_EXCEEDED, .numbers = {1, 2, 3, 4, 5}};
	session_answer(&l.host, job);
	receive(&l, &r);
	const wire_status *s = &r.result.answer.results[0].status;
	assert_int_equal(s->code, 44);
	assert_true(s->have == 1 && s->need == 2 && s->used == 3 && s->quantity == 4 && s->until == 5);
	assert_string_equal(r.result.answer.results[0].lease, "");
	assert_int_equal(r.result.answer.ratchet.size, 0); /* a stranger without a row has none */
	job->code = E_STORE_FULL;
	l.host.owed++;
	session_answer(&l.host, job);
	receive(&l, &r);
	assert_int_equal(r.status.code, 70);
	assert_int_equal(r.which_result, 0);
	job->code = 0;
	job->lines[0].answer.numbers = NUMBERS_NONE;
	l.host.owed++;
	session_answer(&l.host, job);
	receive(&l, &r);
	s = &r.result.answer.results[0].status;
	assert_true(s->have == 0 && s->need == 0 && s->used == 0 && s->quantity == 0 && s->until == 0);
	link_fini(&l);
}

/* The largest answer that can be: eight products with the longest leases and certificates. */
static void test_the_largest_answer_fits(void **state)
{
	struct link l;
	wire_response r;
	(void)state;
	link_open(&l, NULL);
	struct job *job = job_new(JOB_RENEW, LIMIT_LINES);
	job->counter = UINT64_MAX;
	for (size_t i = 0; i < LIMIT_LINES; i++) {
		struct job_line *line = &job->lines[i];
		memset(line->product, 'p', LIMIT_ID);
		line->answer =
			(struct answer_line){.have = INT32_MAX, .need = INT32_MAX, .numbers = NUMBERS_NONE};
		line->lease = calloc(1, LIMIT_LEASE + 1);
		line->certificate = calloc(1, LIMIT_CERTIFICATE + 1);
		memset(line->lease, 'l', LIMIT_LEASE);
		memset(line->certificate, 'c', LIMIT_CERTIFICATE);
		for (size_t j = 0; j < LIMIT_NOTICES; j++)
			line->answer.notices[j] = E_GRANT_ENDED;
	}
	l.host.owed = 1;
	session_answer(&l.host, job);
	receive(&l, &r);
	assert_int_equal(r.result.answer.results_count, LIMIT_LINES);
	assert_int_equal(strlen(r.result.answer.results[7].lease), LIMIT_LEASE);
	assert_int_equal(r.result.answer.results[7].notices_count, LIMIT_NOTICES);
	job_free(job);
	link_fini(&l);
}

/* --- the calls of people --- */

static wire_request sign_in(uint32_t id)
{
	wire_request like = activate(id);
	wire_request r = {.id = id, .which_call = muster_v1_Request_sign_in_tag};
	muster_v1_SignIn *call = &r.call.sign_in;
	call->has_once = call->has_device = call->has_want = true;
	call->once = like.call.activate.once;
	call->device = like.call.activate.device;
	call->want = like.call.activate.wants[0];
	strcpy(call->want.user, "ann@example");
	keycode_make(KEYCODE_CODE, call->code);
	return r;
}

static wire_request sign_out(uint32_t id)
{
	wire_request like = activate(id);
	wire_request r = {.id = id, .which_call = muster_v1_Request_sign_out_tag};
	muster_v1_SignOut *call = &r.call.sign_out;
	call->has_once = call->has_device = true;
	call->once = like.call.activate.once;
	call->device = like.call.activate.device;
	strcpy(call->user, "ann@example");
	return r;
}

static wire_request redeem(uint32_t id)
{
	wire_request like = activate(id);
	wire_request r = {.id = id, .which_call = muster_v1_Request_redeem_tag};
	muster_v1_Redeem *call = &r.call.redeem;
	call->has_once = call->has_device = true;
	call->once = like.call.activate.once;
	call->device = like.call.activate.device;
	strcpy(call->product, "acme-cad");
	keycode_make(KEYCODE_KEY, call->key);
	return r;
}

/* The job that a request becomes. */
static const struct job *job_of(struct link *l, const wire_request *request)
{
	size_t before = l->n_jobs;
	send_request(l, request);
	assert_int_equal(to_host(l, SIZE_MAX), SESSION_IDLE);
	assert_int_equal(l->n_jobs, before + 1);
	return l->jobs[before];
}

static void test_people_sign_in_and_out(void **state)
{
	struct link l;
	char bare[KEYCODE_KEY + 1];
	(void)state;
	link_open(&l, NULL);
	wire_request request = sign_in(1);
	const struct job *job = job_of(&l, &request);
	assert_int_equal(job->kind, JOB_SIGN_IN);
	assert_string_equal(job->lines[0].user, "ann@example");
	assert_string_equal(job->lines[0].product, "acme-cad");
	assert_int_equal(job->lines[0].n_plans, 1);
	assert_int_equal(keycode_read(request.call.sign_in.code, KEYCODE_CODE, bare), 0);
	assert_string_equal(job->signin_code, bare);
	request = sign_in(2); /* as it is typed, and without: somebody who is bound */
	for (char *c = request.call.sign_in.code; *c; c++)
		*c = (char)(*c == '-' ? ' ' : *c >= 'A' ? *c | 0x20 : *c);
	assert_int_equal(strlen(job_of(&l, &request)->signin_code), KEYCODE_CODE);
	request.call.sign_in.code[0] = 0;
	assert_string_equal(job_of(&l, &request)->signin_code, "");
	request = sign_out(3);
	job = job_of(&l, &request);
	assert_int_equal(job->kind, JOB_SIGN_OUT);
	assert_string_equal(job->lines[0].user, "ann@example");
	assert_string_equal(job->lines[0].product, ""); /* of everything */
	strcpy(request.call.sign_out.product, "acme-cad");
	assert_string_equal(job_of(&l, &request)->lines[0].product, "acme-cad");
	link_fini(&l);
}

static void test_keys_are_redeemed_and_told_in_words(void **state)
{
	struct link l;
	wire_response r;
	(void)state;
	link_open(&l, NULL);
	wire_request request = redeem(1);
	const struct job *job = job_of(&l, &request);
	assert_int_equal(job->kind, JOB_REDEEM);
	assert_int_equal(strlen(job->lines[0].key), KEYCODE_KEY);
	struct job *answer = l.jobs[0];
	answer->lines[0].answer = (struct answer_line){.numbers = NUMBERS_NONE};
	strcpy(answer->lines[0].detail, "cad: 5 more");
	session_answer(&l.host, answer);
	receive(&l, &r);
	assert_int_equal(r.which_result, muster_v1_Response_answer_tag);
	assert_string_equal(r.result.answer.results[0].detail, "cad: 5 more");
	assert_string_equal(r.result.answer.results[0].lease, "");
	link_fini(&l);
}

/* The two tokens go to the broker as they came; the answer has one result and no ratchet. */
static void test_a_lease_is_shown(void **state)
{
	struct link l;
	wire_response r;
	wire_request request = activate(1);
	(void)state;
	link_open(&l, NULL);
	muster_v1_Activate from = request.call.activate;
	request = (wire_request){.id = 1, .which_call = muster_v1_Request_show_lease_tag};
	muster_v1_ShowLease *call = &request.call.show_lease;
	call->has_once = call->has_device = true;
	call->once = from.once;
	call->once.shows = true;
	call->device = from.device;
	memset(call->lease, 'l', sizeof(call->lease) - 1);
	memset(call->certificate, 'c', sizeof(call->certificate) - 1);
	call->components_count = 1;
	call->components[0] = (muster_v1_Component){.kind = 2, .tag = 7};
	const struct job *job = job_of(&l, &request);
	assert_int_equal(job->kind, JOB_SHOW_LEASE);
	assert_true(job->shows);
	assert_string_equal(job->text, call->lease);
	assert_string_equal(job->covering, call->certificate);
	assert_int_equal(job->lines[0].machine.n, 1);
	struct job *answer = l.jobs[0];
	answer->lines[0].answer = (struct answer_line){.code = E_LEASE_OLD, .numbers = NUMBERS_NONE};
	session_answer(&l.host, answer);
	receive(&l, &r);
	assert_int_equal(r.result.answer.results[0].status.code, error_row(E_LEASE_OLD)->number);
	assert_int_equal(r.result.answer.counter, 0);
	assert_string_equal(r.result.answer.results[0].lease, "");
	link_fini(&l);
}

static void test_a_want_brings_user_key_and_parts(void **state)
{
	struct link l;
	(void)state;
	link_open(&l, NULL);
	wire_request request = activate(1);
	wire_want *want = &request.call.activate.wants[0];
	strcpy(want->user, "ann@example");
	keycode_make(KEYCODE_KEY, want->key);
	want->reinstalled = true;
	want->components_count = 5;
	want->components[0] = (muster_v1_Component){.kind = 2, .tag = 0xffff};
	want->components[1] = (muster_v1_Component){.kind = 0, .tag = 1};       /* no kind */
	want->components[2] = (muster_v1_Component){.kind = 99, .tag = 1};      /* a newer client's */
	want->components[3] = (muster_v1_Component){.kind = 3, .tag = 0x10000}; /* no tag */
	want->components[4] = (muster_v1_Component){.kind = 8, .tag = 7};
	const struct job *job = job_of(&l, &request);
	assert_string_equal(job->lines[0].user, "ann@example");
	assert_int_equal(strlen(job->lines[0].key), KEYCODE_KEY);
	assert_true(job->lines[0].reinstalled);
	assert_int_equal(job->lines[0].machine.n, 2);
	assert_int_equal(job->lines[0].machine.parts[0].kind, 2);
	assert_int_equal(job->lines[0].machine.parts[0].tag, 0xffff);
	assert_int_equal(job->lines[0].machine.parts[1].kind, 8);
	assert_false(job->dry_run || job->reset);
	link_fini(&l);
}

static void test_trying_and_resetting(void **state)
{
	struct link l;
	(void)state;
	link_open(&l, NULL);
	wire_request request = activate(1);
	request.call.activate.reset = true; /* only together with dry_run */
	const struct job *job = job_of(&l, &request);
	assert_false(job->dry_run || job->reset);
	request.call.activate.dry_run = true;
	job = job_of(&l, &request);
	assert_true(job->dry_run && job->reset);
	request.call.activate.reset = false;
	job = job_of(&l, &request);
	assert_true(job->dry_run && !job->reset);
	wire_request release = {.id = 9, .which_call = muster_v1_Request_release_tag};
	release.call.release.has_once = release.call.release.has_device = true;
	release.call.release.once = request.call.activate.once;
	release.call.release.device = request.call.activate.device;
	strcpy(release.call.release.product, "acme-cad");
	strcpy(release.call.release.user, "ann@example");
	assert_string_equal(job_of(&l, &release)->lines[0].user, "ann@example");
	link_fini(&l);
}

/* --- requests that are wrong --- */

static void no_once(wire_request *r)
{
	r->call.activate.has_once = false;
}
static void zero_token(wire_request *r)
{
	memset(r->call.activate.once.token, 0, REQUEST_TOKEN);
}
static void short_ratchet(wire_request *r)
{
	r->call.activate.once.ratchet.size = 5;
}
static void no_device(wire_request *r)
{
	r->call.activate.has_device = false;
}
static void zero_sign(wire_request *r)
{
	memset(r->call.activate.device.sign, 0, PASETO_PUBLIC);
}
static void no_wants(wire_request *r)
{
	r->call.activate.wants_count = 0;
}
static void empty_product(wire_request *r)
{
	r->call.activate.wants[0].product[0] = 0;
}
static void no_slug(wire_request *r)
{
	strcpy(r->call.activate.wants[0].product, "Acme CAD");
}
static void twice(wire_request *r)
{
	r->call.activate.wants_count = 2;
	r->call.activate.wants[1] = r->call.activate.wants[0];
}
static void no_call(wire_request *r)
{
	*r = (wire_request){.id = r->id};
}
static void policy_of_nothing(wire_request *r)
{
	*r = (wire_request){.id = r->id, .which_call = muster_v1_Request_get_policy_tag};
}
static void bare_release(wire_request *r)
{
	*r = (wire_request){.id = r->id, .which_call = muster_v1_Request_release_tag};
}
static void bare_renew(wire_request *r)
{
	*r = (wire_request){.id = r->id, .which_call = muster_v1_Request_renew_tag};
}

static void odd_user(wire_request *r)
{
	strcpy(r->call.activate.wants[0].user, "two words");
}
static void mistyped_key(wire_request *r)
{
	strcpy(r->call.activate.wants[0].key, "AAAAA");
}
static void nobody_signs_in(wire_request *r)
{
	*r = sign_in(r->id);
	r->call.sign_in.want.user[0] = 0;
}
static void sign_in_for_nothing(wire_request *r)
{
	*r = sign_in(r->id);
	r->call.sign_in.has_want = false;
}
static void mistyped_code(wire_request *r)
{
	*r = sign_in(r->id);
	r->call.sign_in.code[0] = r->call.sign_in.code[0] == 'A' ? 'B' : 'A';
}
static void code_of_a_key(wire_request *r)
{
	*r = sign_in(r->id);
	keycode_make(KEYCODE_KEY, r->call.sign_in.code);
}
static void sign_in_without_device(wire_request *r)
{
	*r = sign_in(r->id);
	r->call.sign_in.has_device = false;
}
static void sign_in_without_once(wire_request *r)
{
	*r = sign_in(r->id);
	r->call.sign_in.has_once = false;
}
static void nobody_signs_out(wire_request *r)
{
	*r = sign_out(r->id);
	r->call.sign_out.user[0] = 0;
}
static void odd_sign_out(wire_request *r)
{
	*r = sign_out(r->id);
	strcpy(r->call.sign_out.product, "No Slug");
}
static void redeem_nothing(wire_request *r)
{
	*r = redeem(r->id);
	r->call.redeem.key[0] = 0;
}
static void redeem_for_nothing(wire_request *r)
{
	*r = redeem(r->id);
	r->call.redeem.product[0] = 0;
}
static void redeem_mistyped(wire_request *r)
{
	*r = redeem(r->id);
	r->call.redeem.key[2] = 'O';
}
static void bare_sign_in(wire_request *r)
{
	*r = (wire_request){.id = r->id, .which_call = muster_v1_Request_sign_in_tag};
}
static void bare_sign_out(wire_request *r)
{
	*r = (wire_request){.id = r->id, .which_call = muster_v1_Request_sign_out_tag};
}
static void bare_redeem(wire_request *r)
{
	*r = (wire_request){.id = r->id, .which_call = muster_v1_Request_redeem_tag};
}

static void bare_show(wire_request *r)
{
	*r = (wire_request){.id = r->id, .which_call = muster_v1_Request_show_lease_tag};
}

static const struct {
	void (*spoil)(wire_request *);
	int code;
} wrong[] = {
	{no_once, E_BAD_REQUEST},
	{zero_token, E_BAD_REQUEST},
	{short_ratchet, E_BAD_REQUEST},
	{no_device, E_BAD_REQUEST},
	{zero_sign, E_BAD_REQUEST},
	{no_wants, E_BAD_REQUEST},
	{empty_product, E_BAD_REQUEST},
	{no_slug, E_BAD_REQUEST},
	{twice, E_BAD_REQUEST},
	{no_call, E_UNKNOWN_CALL},
	{policy_of_nothing, E_BAD_REQUEST},
	{bare_release, E_BAD_REQUEST},
	{bare_renew, E_BAD_REQUEST},
	{odd_user, E_BAD_REQUEST},
	{mistyped_key, E_KEY_MALFORMED},
	{nobody_signs_in, E_BAD_REQUEST},
	{sign_in_for_nothing, E_BAD_REQUEST},
	{mistyped_code, E_KEY_MALFORMED},
	{code_of_a_key, E_KEY_MALFORMED},
	{sign_in_without_device, E_BAD_REQUEST},
	{sign_in_without_once, E_BAD_REQUEST},
	{nobody_signs_out, E_BAD_REQUEST},
	{odd_sign_out, E_BAD_REQUEST},
	{redeem_nothing, E_BAD_REQUEST},
	{redeem_for_nothing, E_BAD_REQUEST},
	{redeem_mistyped, E_KEY_MALFORMED},
	{bare_sign_in, E_BAD_REQUEST},
	{bare_sign_out, E_BAD_REQUEST},
	{bare_redeem, E_BAD_REQUEST},
	{bare_show, E_BAD_REQUEST},
};

/* Each is refused with its code and its own id, and the connection goes on. */
static void test_wrong_fields_are_refused(void **state)
{
	struct link l;
	wire_response r;
	(void)state;
	link_open(&l, NULL);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		wire_request request = activate((uint32_t)(100 + i));
		wrong[i].spoil(&request);
		send_request(&l, &request);
		assert_int_equal(to_host(&l, SIZE_MAX), SESSION_IDLE);
		receive(&l, &r);
		if ((int)r.status.code != -wrong[i].code)
			print_error("row %zu\n", i);
		assert_int_equal(r.status.code, -wrong[i].code);
		assert_int_equal(r.id, 100 + i);
		assert_int_equal(l.n_jobs, 0);
		assert_int_equal(l.host.owed, 0);
	}
	wire_request good = activate(7);
	send_request(&l, &good);
	to_host(&l, SIZE_MAX);
	assert_int_equal(l.n_jobs, 1);
	link_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ping_is_answered_at_once),
		cmocka_unit_test(test_every_call_becomes_its_job),
		cmocka_unit_test(test_a_refusal_carries_its_numbers),
		cmocka_unit_test(test_the_largest_answer_fits),
		cmocka_unit_test(test_people_sign_in_and_out),
		cmocka_unit_test(test_keys_are_redeemed_and_told_in_words),
		cmocka_unit_test(test_a_lease_is_shown),
		cmocka_unit_test(test_a_want_brings_user_key_and_parts),
		cmocka_unit_test(test_trying_and_resetting),
		cmocka_unit_test(test_wrong_fields_are_refused),
	};
	return cmocka_run_group_tests_name("server/session/rpc", tests, setup, teardown);
}
