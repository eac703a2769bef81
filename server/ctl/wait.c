/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl wait: for scripts and units that go on when the host is so far. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
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

/* What is waited for. */
enum goal { GOAL_READY, GOAL_LICENSED, GOAL_OK, GOAL_ACTIVATIONS };

struct wish {
	struct invocation *inv;
	enum goal goal;
	const char *text;    /* as it was given */
	const char *product; /* NULL: all */
	long activations;    /* at least */
	bool answered;       /* the host did, and it is not so yet */
	struct failure why;
};

static int read_wish(struct wish *w)
{
	static const char many[] = "activations=";
	char *end;
	w->text = invocation_value_or(w->inv, "until", "ready");
	w->product = invocation_value(w->inv, "product");
	w->goal = strcmp(w->text, "ready") == 0      ? GOAL_READY
		  : strcmp(w->text, "licensed") == 0 ? GOAL_LICENSED
		  : strcmp(w->text, "ok") == 0       ? GOAL_OK
						     : GOAL_ACTIVATIONS;
	if (w->product && w->goal != GOAL_ACTIVATIONS)
		return command_usage(w->inv, "--product goes with --until activations=N");
	if (w->goal != GOAL_ACTIVATIONS)
		return 0;
	if (strncmp(w->text, many, sizeof(many) - 1) != 0)
		return command_usage(w->inv, "--until takes ready, licensed, ok or activations=N");
	w->activations = strtol(w->text + sizeof(many) - 1, &end, 10);
	if (*end || w->activations < 1 || !isdigit((unsigned char)w->text[sizeof(many) - 1]))
		return command_usage(w->inv, "--until activations=N takes a number above 0");
	return 0;
}

static json_int_t count_active(const struct wish *w, json_t *status)
{
	json_int_t n = 0;
	size_t i;
	json_t *grant;
	json_array_foreach (json_object_get(status, "grants"), i, grant) {
		const char *product = json_string_value(json_object_get(grant, "product"));
		if (!w->product || (product && strcmp(product, w->product) == 0))
			n += json_integer_value(json_object_get(grant, "active"));
	}
	return n;
}

static bool is_so(struct wish *w, json_t *status)
{
	const char *state = json_string_value(json_object_get(status, "state"));
	if (!state) {
		failure_set(&w->why, E_MALFORMED, "the answer has no state");
		return false;
	}
	w->answered = true;
	if (w->goal == GOAL_ACTIVATIONS) {
		json_int_t n = count_active(w, status);
		failure_set(&w->why, E_TIMEOUT, "there are %lld activations", (long long)n);
		return n >= w->activations;
	}
	failure_set(&w->why, E_TIMEOUT, "it is %.32s", state);
	return w->goal == GOAL_OK ? strcmp(state, "ok") == 0 : strcmp(state, "unlicensed") != 0;
}

/* Any whole HTTP answer means ready: an unlicensed or degraded host is there too. */
static bool look(struct wish *w, long left)
{
	long patience = left < TRY_MS ? left : TRY_MS;
	struct request req = {.path = w->goal == GOAL_READY ? "/v1/health" : "/v1/status",
			      .any_status = true,
			      .timeout_ms = patience > 0 ? patience : 1};
	struct reply reply;
	int error = request_exchange(w->inv, &req, &reply);
	w->answered = false;
	bool done = w->goal == GOAL_READY ? reply.status > 0 : !error && is_so(w, reply.json);
	if (error)
		failure_set(&w->why, reply.failure.code, "%s", reply.failure.detail);
	reply_fini(&reply);
	return done;
}

static int print_done(const struct wish *w, long waited)
{
	if (invocation_has(w->inv, "json"))
		print_json_new(json_pack("{s:i, s:b, s:s, s:I}", "schema", 1, "ready", 1, "until", w->text,
					 "waited_ms", (json_int_t)waited));
	else
		puts(w->text);
	return 0;
}

/* Whoever waits knows why, and what to do next. */
static int give_up(const struct wish *w, long seconds)
{
	struct failure f = {0};
	snprintf(f.remedy, sizeof(f.remedy), "%s",
		 w->answered ? "Run 'musterctl status': it says what is missing."
			     : "Start musterd, or look at its log.");
	failure_set(&f, E_TIMEOUT, "not %.40s within %ld s: %.300s%s%s%s", w->text, seconds, w->why.detail,
		    w->answered ? "" : " (", w->answered ? "" : error_name(w->why.code),
		    w->answered ? "" : ")");
	return failure_print(w->inv, &f);
}

int wait_run(struct invocation *inv)
{
	long seconds = TIMEOUT_DEFAULT_S;
	struct wish w = {.inv = inv};
	int code = read_wish(&w);
	if (!code)
		code = option_number(inv, "timeout", 0, TIMEOUT_MAX_S, &seconds);
	if (code)
		return code;
	long start = now_ms();
	long deadline = start + seconds * 1000;
	for (;;) {
		if (look(&w, seconds ? deadline - now_ms() : TRY_MS)) /* 0: one look, but a whole one */
			return print_done(&w, now_ms() - start);
		if (w.why.code == E_USAGE)
			return failure_print(inv, &w.why);
		long left = deadline - now_ms();
		if (left <= 0)
			return give_up(&w, seconds);
		sleep_ms(left < POLL_MS ? left : POLL_MS);
	}
}
