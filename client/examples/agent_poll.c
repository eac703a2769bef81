/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A provisioning agent on poll(2): it activates the products that are named, renews them when they are due,
 * and waits for everything in one place. A line "status" on standard input is its other work here.
 *
 *   agent_poll [OPTION=VALUE]... PRODUCT...      the options are those of muster_set
 */
#include <muster.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SLEEP_MOST_MS 60000 /* other programs change the state, too */

struct agent {
	struct muster *m;
	char **products; /* to be activated yet */
	int n_products;
	int code;        /* MUSTER_IN_PROGRESS: a call goes on */
	long long at_ms; /* when the next one begins */
};

static int told[2]; /* a pipe in which signals arrive */

static void on_signal(int number)
{
	char byte = (char)number;
	ssize_t ignored = write(told[1], &byte, 1);
	(void)ignored;
}

static long long now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* --- one call after the other --- */

/* What came of a call, and when the next one begins. */
static void conclude(struct agent *a)
{
	long long due = -1;
	for (int i = 0; i < muster_outcome_count(a->m); i++)
		printf("%s: %s\n", muster_outcome_product(a->m, i), muster_outcome_what(a->m, i));
	if (a->code)
		printf("%s: %s. %s\n", muster_error_name(a->m), muster_error_text(a->m),
		       muster_error_remedy(a->m));
	fflush(stdout);
	a->at_ms = now_ms();
	if (a->n_products)
		return;
	if (muster_next_due(a->m, &due) || due < 0 || due > SLEEP_MOST_MS / 1000)
		due = SLEEP_MOST_MS / 1000;
	a->at_ms += due ? due * 1000 : 1000;
}

static void begin(struct agent *a)
{
	if (a->n_products) {
		a->n_products--;
		a->code = muster_activate(a->m, *a->products++, 0);
	} else {
		a->code = muster_renew(a->m, NULL, 1, 0);
	}
	if (a->code != MUSTER_IN_PROGRESS)
		conclude(a);
}

static void go_on(struct agent *a)
{
	a->code = muster_process(a->m);
	if (a->code != MUSTER_IN_PROGRESS)
		conclude(a);
}

/* --- the other work --- */

/* While a call goes on the handle answers nothing else. False: standard input has ended. */
static int answer(struct agent *a)
{
	char line[64];
	struct muster_status *s;
	ssize_t n = read(STDIN_FILENO, line, sizeof(line));
	if (n <= 0)
		return 0;
	if (strncmp(line, "status", 6) != 0 || a->code == MUSTER_IN_PROGRESS || muster_status(a->m, &s))
		return 1;
	for (int i = 0; i < muster_status_count(s); i++)
		printf("%s is %s\n", muster_status_product(s, i), muster_status_state(s, i));
	fflush(stdout);
	muster_status_free(s);
	return 1;
}

/* --- the loop --- */

static void run(struct agent *a)
{
	struct pollfd fds[3] = {{told[0], POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}, {-1, 0, 0}};
	for (;;) {
		int going = a->code == MUSTER_IN_PROGRESS;
		long long left = a->at_ms - now_ms();
		fds[2].fd = muster_fd(a->m);
		fds[2].events = (short)muster_events(a->m);
		int ready = poll(fds, 3, going ? muster_timeout(a->m) : left > 0 ? (int)left : 0);
		if (ready > 0 && fds[0].revents)
			return;
		if (ready > 0 && fds[1].revents && !answer(a))
			fds[1].fd = -1;
		if (going && (ready == 0 || fds[2].revents))
			go_on(a);
		else if (!going && ready == 0)
			begin(a);
	}
}

int main(int argc, char **argv)
{
	struct agent a = {muster_new(), argv + 1, argc - 1, 0, 0};
	char *equals;
	if (!a.m || pipe(told))
		return 75;
	muster_set(a.m, "agent", "agent-poll/1.0");
	muster_set(a.m, "nonblocking", "1");
	for (; a.n_products && (equals = strchr(*a.products, '=')) != NULL; a.products++, a.n_products--) {
		*equals = 0;
		if (muster_set(a.m, *a.products, equals + 1)) {
			fprintf(stderr, "%s\n", muster_error_detail(a.m));
			return 78;
		}
	}
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	run(&a);
	muster_free(a.m); /* a call that goes on ends here */
	return 0;
}
