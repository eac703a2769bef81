/* SPDX-License-Identifier: Apache-2.0 */
/* The input as a request that a device has sealed. Its job holds names and numbers within their bounds, and
 * can be answered; what makes no job is refused or answered at once. */
#include "error.h"
#include "fuzz.h"
#include "hardware.h"
#include "rpc.h"

static const uint8_t fixed[NOISE_KEY] = {1};

/* The answer as it goes over the wire. */
static void send(const wire_response *response)
{
	static wire_response read;
	static uint8_t bytes[LIMIT_RESPONSE];
	size_t n;
	fuzz_require(response_write(response, bytes, sizeof(bytes), &n) == 0);
	fuzz_require(response_read(bytes, n, &read) == 0);
	fuzz_require(read.id == response->id && read.which_result == response->which_result);
}

static void check_machine(const struct hardware *h)
{
	size_t macs = 0;
	fuzz_require(h->n <= LIMIT_COMPONENTS);
	for (size_t i = 0; i < h->n; i++) {
		fuzz_require(h->parts[i].kind >= 1 && h->parts[i].kind <= HARDWARE_KINDS);
		macs += h->parts[i].kind == HARDWARE_MAC;
	}
	fuzz_require(macs <= HARDWARE_MACS);
}

static void check_line(const struct job *job, const struct job_line *line)
{
	bool all = job->kind == JOB_SIGN_OUT && !line->product[0];
	fuzz_require(all || slug_ok(line->product));
	fuzz_require(!line->user[0] || user_ok(line->user));
	fuzz_require(!line->key[0] || strlen(line->key) == KEYCODE_KEY);
	fuzz_require(line->n_plans <= LIMIT_PLANS && line->lease_serial >= 0);
	for (size_t i = 0; i < line->n_plans; i++)
		fuzz_use_text(line->plans[i]);
	for (const struct job_line *other = job->lines; other < line; other++)
		fuzz_require(strcmp(other->product, line->product) != 0);
	check_machine(&line->machine);
	fuzz_use_text(line->version);
	fuzz_use(line->spoken ? line->voice[VOICE_SHOWN - 1] : 0);
}

static void check(const struct job *job)
{
#define RPC(name, of_kind)                                                                                   \
	if (job->kind == of_kind)                                                                            \
		fuzz_accepted(name);
#include "rpc.def"
#undef RPC
	bool person = job->kind == JOB_SIGN_IN || job->kind == JOB_SIGN_OUT;
	fuzz_require(job->n_lines >= 1 && job->n_lines <= LIMIT_LINES);
	for (size_t i = 0; i < job->n_lines && job->kind != JOB_SHOW_LEASE; i++)
		check_line(job, &job->lines[i]);
	check_machine(&job->lines[0].machine);
	check_machine(&job->machine);
	fuzz_require(!person || job->lines[0].user[0]);
	fuzz_require(job->kind == JOB_POLICY || !sodium_is_zero(job->shown.token, REQUEST_TOKEN));
	fuzz_require((job->kind == JOB_SHOW_LEASE) == (job->text && job->covering));
	fuzz_require(!job->signin_code[0] || strlen(job->signin_code) == KEYCODE_CODE);
	fuzz_use(strlen(job->hostname) + strlen(job->os) + strlen(job->agent));
	fuzz_use((size_t)job_shows_code(job) + job->forked_from[DEVICE_ID - 1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static wire_request request;
	static wire_response response;
	struct job *job = NULL;
	if (request_read(data, n, &request))
		return 0;
	fuzz_accepted(request_read);
	int error = rpc_job(&request, fixed, &job);
	fuzz_require(!error || !job);
	if (error) {
		fuzz_require(error == E_UNKNOWN_CALL || error == E_BAD_REQUEST || error == E_KEY_MALFORMED);
		rpc_refusal(request.id, error, 0, 1, &response);
	} else if (!job) {
		fuzz_accepted(rpc_instant);
		rpc_instant(&request, 1, &response);
	} else {
		fuzz_accepted(rpc_job);
		check(job);
		rpc_response(job, &response);
	}
	send(&response);
	job_free(job);
	return 0;
}
