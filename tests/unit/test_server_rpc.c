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

static const struct {
	void (*spoil)(wire_request *);
	int code;
} wrong[] = {
	{no_once, E_BAD_REQUEST},       {zero_token, E_BAD_REQUEST},        {short_ratchet, E_BAD_REQUEST},
	{no_device, E_BAD_REQUEST},     {zero_sign, E_BAD_REQUEST},         {no_wants, E_BAD_REQUEST},
	{empty_product, E_BAD_REQUEST}, {no_slug, E_BAD_REQUEST},           {twice, E_BAD_REQUEST},
	{no_call, E_UNKNOWN_CALL},      {policy_of_nothing, E_BAD_REQUEST}, {bare_release, E_BAD_REQUEST},
	{bare_renew, E_BAD_REQUEST},
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
		cmocka_unit_test(test_wrong_fields_are_refused),
	};
	return cmocka_run_group_tests_name("server/session/rpc", tests, setup, teardown);
}
