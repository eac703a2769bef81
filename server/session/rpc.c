/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc.h"

#include <sodium.h>
#include <string.h>

#include "error.h"
#include "hardware.h"
#include "voice.h"

/* --- requests --- */

static int take_once(bool has, const wire_once *once, struct job *job)
{
	if (!has || sodium_is_zero(once->token, REQUEST_TOKEN))
		return E_BAD_REQUEST;
	if (once->ratchet.size != 0 && once->ratchet.size != RATCHET)
		return E_BAD_REQUEST;
	memcpy(job->shown.token, once->token, REQUEST_TOKEN);
	memcpy(job->shown.ratchet, once->ratchet.bytes, once->ratchet.size);
	job->shown.counter = once->counter;
	job->shows = once->shows;
	return 0;
}

/* One part of a kind, and of network addresses two: who shows many only tries tags out. */
static bool has_kind(const struct hardware *h, uint32_t kind)
{
	size_t n = 0;
	for (size_t i = 0; i < h->n; i++)
		n += h->parts[i].kind == kind;
	return n >= (kind == HARDWARE_MAC ? HARDWARE_MACS : 1);
}

/* Kinds that a newer client knows are passed over. */
static void take_components(const muster_v1_Component *all, size_t n, struct hardware *ret)
{
	for (size_t i = 0; i < n; i++) {
		const muster_v1_Component *c = &all[i];
		if (c->kind == 0 || c->kind > HARDWARE_KINDS || c->tag > UINT16_MAX || has_kind(ret, c->kind))
			continue;
		ret->parts[ret->n].kind = (uint8_t)c->kind;
		ret->parts[ret->n++].tag = (uint16_t)c->tag;
	}
}

static int take_device(bool has, const wire_device *device, const uint8_t fixed[NOISE_KEY], struct job *job)
{
	if (!has || sodium_is_zero(device->sign, PASETO_PUBLIC))
		return E_BAD_REQUEST;
	device_id(fixed, device->sign, job->device);
	memcpy(job->hostname, device->hostname, sizeof(job->hostname));
	memcpy(job->os, device->os, sizeof(job->os));
	memcpy(job->agent, device->agent, sizeof(job->agent));
	job->device_time = device->time;
	take_components(device->components, device->components_count, &job->machine);
	job->forked = device->forked_from.size == DEVICE_ID;
	if (device->forked_from.size && !job->forked)
		return E_BAD_REQUEST;
	memcpy(job->forked_from, device->forked_from.bytes, device->forked_from.size);
	return 0;
}

/* A name may be missing, but not be none. */
static int take_user(const char *user, struct job_line *line)
{
	if (*user && !user_ok(user))
		return E_BAD_REQUEST;
	memcpy(line->user, user, strlen(user) + 1);
	return 0;
}

static int take_key(const char *key, struct job_line *line)
{
	return *key ? keycode_read(key, KEYCODE_KEY, line->key) : 0;
}

static int take_want(const wire_want *want, struct job *job, size_t i)
{
	struct job_line *line = &job->lines[i];
	if (!slug_ok(want->product) || take_user(want->user, line))
		return E_BAD_REQUEST;
	int error = take_key(want->key, line);
	if (error)
		return error;
	take_components(want->components, want->components_count, &line->machine);
	line->reinstalled = want->reinstalled;
	line->lease_serial = want->lease_serial > 0 ? want->lease_serial : 0;
	for (size_t j = 0; j < i; j++)
		if (strcmp(job->lines[j].product, want->product) == 0)
			return E_BAD_REQUEST;
	memcpy(line->product, want->product, sizeof(line->product));
	memcpy(line->version, want->version, sizeof(line->version));
	line->n_plans = want->plans_count;
	for (size_t j = 0; j < line->n_plans; j++)
		memcpy(line->plans[j], want->plans[j], sizeof(line->plans[j]));
	return 0;
}

static int take_wants(const wire_want *wants, size_t n, struct job *job)
{
	int error = n ? 0 : E_BAD_REQUEST;
	for (size_t i = 0; i < n && !error; i++)
		error = take_want(&wants[i], job, i);
	return error;
}

/* What was confirmed by telephone is the device's own when it is made of its keys; else it says nothing. */
static void take_voice(const wire_want *want, const uint8_t fixed[NOISE_KEY], const wire_device *device,
		       struct job_line *line)
{
	line->spoken = want->voice.size == VOICE_SHOWN &&
		       voice_installation_is_of(want->voice.bytes, fixed, device->sign);
	if (line->spoken)
		memcpy(line->voice, want->voice.bytes, VOICE_SHOWN);
}

static size_t lines_of(const wire_request *request)
{
	switch (request->which_call) {
	case muster_v1_Request_activate_tag:
		return request->call.activate.wants_count;
	case muster_v1_Request_renew_tag:
		return request->call.renew.wants_count;
	default:
		return 1;
	}
}

static int take_product(const char *product, struct job *job)
{
	if (!slug_ok(product))
		return E_BAD_REQUEST;
	memcpy(job->lines[0].product, product, sizeof(job->lines[0].product));
	return 0;
}

static int fill_activate(const wire_request *request, const uint8_t fixed[NOISE_KEY], struct job *job)
{
	const muster_v1_Activate *call = &request->call.activate;
	int error = take_once(call->has_once, &call->once, job);
	if (!error)
		error = take_device(call->has_device, &call->device, fixed, job);
	job->dry_run = call->dry_run;
	job->reset = call->dry_run && call->reset;
	for (size_t i = 0; i < call->wants_count && !error; i++)
		take_voice(&call->wants[i], fixed, &call->device, &job->lines[i]);
	return error ? error : take_wants(call->wants, call->wants_count, job);
}

static int fill_renew(const wire_request *request, const uint8_t fixed[NOISE_KEY], struct job *job)
{
	const muster_v1_Renew *call = &request->call.renew;
	int error = take_once(call->has_once, &call->once, job);
	if (!error)
		error = take_device(call->has_device, &call->device, fixed, job);
	return error ? error : take_wants(call->wants, call->wants_count, job);
}

static int fill_release(const wire_request *request, const uint8_t fixed[NOISE_KEY], struct job *job)
{
	const muster_v1_Release *call = &request->call.release;
	int error = take_once(call->has_once, &call->once, job);
	if (!error)
		error = take_device(call->has_device, &call->device, fixed, job);
	if (!error)
		error = take_user(call->user, &job->lines[0]);
	return error ? error : take_product(call->product, job);
}

static int fill_sign_in(const wire_request *request, const uint8_t fixed[NOISE_KEY], struct job *job)
{
	const muster_v1_SignIn *call = &request->call.sign_in;
	int error = take_once(call->has_once, &call->once, job);
	if (!error)
		error = take_device(call->has_device, &call->device, fixed, job);
	if (!error)
		error = call->has_want && call->want.user[0] ? take_want(&call->want, job, 0) : E_BAD_REQUEST;
	if (!error && call->code[0]) {
		char bare[KEYCODE_KEY + 1];
		error = keycode_read(call->code, KEYCODE_CODE, bare);
		if (!error)
			memcpy(job->signin_code, bare, sizeof(job->signin_code));
		sodium_memzero(bare, sizeof(bare));
	}
	return error;
}

static int fill_sign_out(const wire_request *request, const uint8_t fixed[NOISE_KEY], struct job *job)
{
	const muster_v1_SignOut *call = &request->call.sign_out;
	int error = take_once(call->has_once, &call->once, job);
	if (!error)
		error = take_device(call->has_device, &call->device, fixed, job);
	if (!error)
		error = call->user[0] ? take_user(call->user, &job->lines[0]) : E_BAD_REQUEST;
	return error || !call->product[0] ? error : take_product(call->product, job);
}

static int fill_redeem(const wire_request *request, const uint8_t fixed[NOISE_KEY], struct job *job)
{
	const muster_v1_Redeem *call = &request->call.redeem;
	int error = take_once(call->has_once, &call->once, job);
	if (!error)
		error = take_device(call->has_device, &call->device, fixed, job);
	if (!error)
		error = take_product(call->product, job);
	if (!error)
		error = call->key[0] ? take_key(call->key, &job->lines[0]) : E_BAD_REQUEST;
	return error;
}

static int fill_show_lease(const wire_request *request, const uint8_t fixed[NOISE_KEY], struct job *job)
{
	const muster_v1_ShowLease *call = &request->call.show_lease;
	int error = take_once(call->has_once, &call->once, job);
	if (!error)
		error = take_device(call->has_device, &call->device, fixed, job);
	if (error)
		return error;
	take_components(call->components, call->components_count, &job->lines[0].machine);
	job->text = strdup(call->lease);
	job->covering = strdup(call->certificate);
	return job->text && job->covering ? 0 : E_NO_MEMORY;
}

static int fill_get_policy(const wire_request *request, const uint8_t fixed[NOISE_KEY], struct job *job)
{
	memcpy(job->device, fixed, NOISE_KEY); /* nobody's id: the answer is the same for all */
	return take_product(request->call.get_policy.product, job);
}

static const struct {
	pb_size_t tag;
	enum job_kind kind;
	int (*fill)(const wire_request *, const uint8_t fixed[NOISE_KEY], struct job *);
} calls[] = {
#define RPC(name, kind) {muster_v1_Request_##name##_tag, kind, fill_##name},
#include "rpc.def"
#undef RPC
};

int rpc_job(const wire_request *request, const uint8_t fixed[NOISE_KEY], struct job **ret_job)
{
	if (request->which_call == muster_v1_Request_ping_tag) {
		*ret_job = NULL;
		return 0;
	}
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (calls[i].tag != request->which_call)
			continue;
		struct job *job = job_new(calls[i].kind, lines_of(request));
		if (!job)
			return E_NO_MEMORY;
		job->request_id = request->id;
		int error = calls[i].fill(request, fixed, job);
		if (error)
			job_free(job);
		else
			*ret_job = job;
		return error;
	}
	return E_UNKNOWN_CALL;
}

/* --- responses --- */

/* The wire's numbers are unsigned in meaning; -1 is "not meant" and is left out. */
static int64_t number(int64_t n)
{
	return n < 0 ? 0 : n;
}

static void put_status(wire_status *status, int code, const struct numbers *numbers, unsigned retry_after)
{
	status->code = code ? (uint32_t)error_row(code)->number : 0;
	status->have = number(numbers->have);
	status->need = number(numbers->need);
	status->used = number(numbers->used);
	status->quantity = number(numbers->quantity);
	status->until = number(numbers->until);
	status->retry_after = retry_after;
}

static void put_result(const struct job_line *line, wire_result *result)
{
	const struct answer_line *a = &line->answer;
	memset(result, 0, sizeof(*result));
	memcpy(result->product, line->product, sizeof(line->product));
	result->has_status = true;
	put_status(&result->status, a->code, &a->numbers, 0);
	if (line->lease) {
		strcpy(result->lease, line->lease); /* both were bounded when they were signed */
		strcpy(result->certificate, line->certificate);
	}
	memcpy(result->detail, line->detail, sizeof(result->detail));
	result->have = number(a->have);
	result->need = number(a->need);
	result->renew_minutes = a->renew_minutes;
	result->retry_minutes = a->retry_minutes;
	for (size_t i = 0; i < LIMIT_NOTICES && a->notices[i]; i++)
		result->notices[result->notices_count++] = (uint32_t)error_row(a->notices[i])->number;
}

static void put_answer(const struct job *job, wire_response *ret)
{
	muster_v1_Answer *answer = &ret->result.answer;
	ret->which_result = muster_v1_Response_answer_tag;
	for (size_t i = 0; i < job->n_lines; i++)
		put_result(&job->lines[i], &answer->results[i]);
	answer->results_count = (pb_size_t)job->n_lines;
	answer->counter = job->counter;
	answer->ratchet.size = job->counter ? RATCHET : 0;
	memcpy(answer->ratchet.bytes, job->ratchet, RATCHET);
}

static void put_policy(const struct job *job, wire_response *ret)
{
	const struct answer_line *a = &job->lines[0].answer;
	muster_v1_Policy *policy = &ret->result.policy;
	memset(policy, 0, sizeof(*policy));
	ret->which_result = muster_v1_Response_policy_tag;
	policy->has_status = true;
	put_status(&policy->status, a->code, &a->numbers, 0);
	policy->renew_minutes = a->renew_minutes;
	policy->retry_minutes = a->retry_minutes;
	policy->have = number(a->have);
	policy->need = number(a->need);
}

void rpc_refusal(uint32_t request_id, int code, unsigned retry_after, int64_t now, wire_response *ret)
{
	/* What is not said of the result is not looked at: it has room for eight leases. */
	memset(ret, 0, offsetof(wire_response, result));
	ret->id = request_id;
	ret->time = now;
	ret->has_status = true;
	put_status(&ret->status, code, &NUMBERS_NONE, retry_after);
}

void rpc_instant(const wire_request *request, int64_t now, wire_response *ret)
{
	rpc_refusal(request->id, 0, 0, now, ret);
	ret->which_result = muster_v1_Response_pong_tag;
	ret->result.pong.echo.size = request->call.ping.echo.size;
	memcpy(ret->result.pong.echo.bytes, request->call.ping.echo.bytes, request->call.ping.echo.size);
}

void rpc_response(const struct job *job, wire_response *ret)
{
	rpc_refusal(job->request_id, job->code, 0, job->now, ret);
	memcpy(ret->correlation, job->correlation, sizeof(job->correlation));
	if (job->code)
		return;
	if (job->kind == JOB_POLICY)
		put_policy(job, ret);
	else
		put_answer(job, ret);
}
