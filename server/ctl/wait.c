/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl wait: for scripts that have just started the daemon. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "option.h"
#include "print.h"
#include "request.h"

#define POLL_MS 100
#define TRY_MS 2000 /* a daemon that took the connection but does not answer is asked anew */
#define TIMEOUT_DEFAULT_S 30
#define TIMEOUT_MAX_S 86400

static long now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void sleep_ms(long ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	nanosleep(&t, NULL);
}

/* Any whole HTTP answer means ready: an unlicensed or degraded host is there too. why: the reason, when it is
 * not. */
static bool is_ready(struct invocation *inv, long left, struct failure *why)
{
	long patience = left < TRY_MS ? left : TRY_MS;
	struct request req = {
		.path = "/v1/health", .any_status = true, .timeout_ms = patience > 0 ? patience : 1};
	struct reply reply;
	request_exchange(inv, &req, &reply);
	bool ready = reply.status > 0;
	failure_set(why, reply.failure.code, "%s", reply.failure.detail);
	reply_fini(&reply);
	return ready;
}

static int print_ready(struct invocation *inv, long waited)
{
	if (invocation_has(inv, "json"))
		print_json_new(json_pack("{s:i, s:b, s:I}", "schema", 1, "ready", 1, "waited_ms",
					 (json_int_t)waited));
	else
		puts("ready");
	return 0;
}

/* One line on standard error: whoever waits knows what to do next. */
static int give_up(struct invocation *inv, long seconds, const struct failure *why)
{
	struct failure f = {.remedy = "Start musterd, or look at its log."};
	failure_set(&f, E_TIMEOUT, "not ready within %ld s: %.300s (%s)", seconds, why->detail,
		    error_name(why->code));
	if (invocation_has(inv, "json"))
		print_json_new(json_pack("{s:i, s:o}", "schema", 1, "error", failure_json(&f)));
	fprintf(stderr, "%s: ", error_name(f.code));
	print_safe(stderr, f.detail);
	fputc('\n', stderr);
	return error_row(f.code)->exit;
}

int wait_run(struct invocation *inv)
{
	long seconds = TIMEOUT_DEFAULT_S;
	struct failure why = {0};
	if (strcmp(invocation_value_or(inv, "until", "ready"), "ready") != 0)
		return command_usage(inv, "--until takes 'ready'");
	int code = option_number(inv, "timeout", 0, TIMEOUT_MAX_S, &seconds);
	if (code)
		return code;
	long start = now_ms();
	long deadline = start + seconds * 1000;
	for (;;) {
		if (is_ready(inv, deadline - now_ms(), &why))
			return print_ready(inv, now_ms() - start);
		if (why.code == E_USAGE)
			return failure_print(inv, &why);
		long left = deadline - now_ms();
		if (left <= 0)
			return give_up(inv, seconds, &why);
		sleep_ms(left < POLL_MS ? left : POLL_MS);
	}
}
