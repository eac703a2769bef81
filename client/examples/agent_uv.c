/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A provisioning agent on libuv: it activates the products that are named and renews them when they are due,
 * as one of many things in the loop.
 *
 *   agent_uv [OPTION=VALUE]... PRODUCT...      the options are those of muster_set
 */
#include <muster.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define SLEEP_MOST_S 60 /* other programs change the state, too */

struct agent {
	struct muster *m;
	uv_loop_t *loop;
	uv_poll_t poll;
	uv_timer_t timer; /* a call's time-out, or the time of the next one */
	uv_signal_t terminate;
	uv_signal_t interrupt;
	char **products; /* to be activated yet */
	int n_products;
};

static void on_ready(uv_poll_t *poll, int status, int events);
static void on_time(uv_timer_t *timer);

/* --- one call after the other --- */

/* The descriptor is there from the first call on. */
static void watch(struct agent *a)
{
	if (!a->poll.data && uv_poll_init(a->loop, &a->poll, muster_fd(a->m)))
		abort();
	a->poll.data = a;
	uv_poll_start(&a->poll, UV_READABLE, on_ready);
	uv_timer_start(&a->timer, on_time, (uint64_t)muster_timeout(a->m), 0);
}

/* What came of the call, and when the next one begins. */
static void conclude(struct agent *a, int code)
{
	long long due = -1;
	if (a->poll.data)
		uv_poll_stop(&a->poll);
	for (int i = 0; i < muster_outcome_count(a->m); i++)
		printf("%s: %s\n", muster_outcome_product(a->m, i), muster_outcome_what(a->m, i));
	if (code)
		printf("%s: %s. %s\n", muster_error_name(a->m), muster_error_text(a->m),
		       muster_error_remedy(a->m));
	fflush(stdout);
	if (a->n_products)
		due = 0;
	else if (muster_next_due(a->m, &due) || due < 0 || due > SLEEP_MOST_S)
		due = SLEEP_MOST_S;
	else if (due == 0)
		due = 1;
	uv_timer_start(&a->timer, on_time, (uint64_t)due * 1000, 0);
}

static void proceed(struct agent *a, int code)
{
	if (code == MUSTER_IN_PROGRESS)
		watch(a);
	else
		conclude(a, code);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct agent *a = poll->data;
	(void)status;
	(void)events;
	proceed(a, muster_process(a->m));
}

static void on_time(uv_timer_t *timer)
{
	struct agent *a = timer->data;
	if (muster_events(a->m)) {
		proceed(a, muster_process(a->m));
	} else if (a->n_products) {
		a->n_products--;
		proceed(a, muster_activate(a->m, *a->products++, 0));
	} else {
		proceed(a, muster_renew(a->m, NULL, 1, 0));
	}
}

/* --- the loop --- */

static void on_signal(uv_signal_t *handle, int number)
{
	struct agent *a = handle->data;
	(void)number;
	if (a->poll.data)
		uv_close((uv_handle_t *)&a->poll, NULL);
	uv_close((uv_handle_t *)&a->timer, NULL);
	uv_close((uv_handle_t *)&a->terminate, NULL);
	uv_close((uv_handle_t *)&a->interrupt, NULL);
}

static void run(struct agent *a)
{
	a->loop = uv_default_loop();
	uv_timer_init(a->loop, &a->timer);
	uv_signal_init(a->loop, &a->terminate);
	uv_signal_init(a->loop, &a->interrupt);
	a->timer.data = a->terminate.data = a->interrupt.data = a;
	uv_signal_start(&a->terminate, on_signal, SIGTERM);
	uv_signal_start(&a->interrupt, on_signal, SIGINT);
	uv_timer_start(&a->timer, on_time, 0, 0);
	uv_run(a->loop, UV_RUN_DEFAULT);
	uv_loop_close(a->loop);
}

int main(int argc, char **argv)
{
	struct agent a = {.m = muster_new(), .products = argv + 1, .n_products = argc - 1};
	char *equals;
	if (!a.m)
		return 75;
	muster_set(a.m, "agent", "agent-uv/1.0");
	muster_set(a.m, "nonblocking", "1");
	for (; a.n_products && (equals = strchr(*a.products, '=')) != NULL; a.products++, a.n_products--) {
		*equals = 0;
		if (muster_set(a.m, *a.products, equals + 1)) {
			fprintf(stderr, "%s\n", muster_error_detail(a.m));
			return 78;
		}
	}
	run(&a);
	muster_free(a.m); /* a call that goes on ends here */
	return 0;
}
