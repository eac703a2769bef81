/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The foreground service that keeps this machine activated: renew what is due, sleep until the next is due,
 * and again. It ends with 0 when it is told to (SIGTERM or SIGINT); on a machine that does not come back, it
 * then gives everything back first.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "error.h"

#define SLEEP_MAX 300 /* seconds: other programs change the state, and a suspended machine does not count */
#define SLEEP_MIN 1
#define EXIT_NOT_PERMITTED 77
#define EXIT_CONFIGURATION 78

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
	(void)number;
	stopping = 1;
}

/* The signals are open only while a call waits or the agent sleeps, so that none is lost between. */
static void catch_signals(sigset_t *ret_open)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t both;
	sigemptyset(&both);
	sigaddset(&both, SIGTERM);
	sigaddset(&both, SIGINT);
	sigprocmask(SIG_BLOCK, &both, ret_open);
	sigdelset(ret_open, SIGTERM);
	sigdelset(ret_open, SIGINT);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
}

/* A line for a product, which the host's log explains under its reference, and one for each notice. */
static void say_outcome(const struct muster *m, int i)
{
	const char *product = muster_outcome_product(m, i);
	const char *reference = muster_outcome_correlation(m, i);
	int code = muster_outcome_code(m, i);
	printf("%s: %s", product, muster_outcome_what(m, i));
	if (code)
		printf(": %s", error_name(code));
	if (*reference)
		printf(" (reference: %s)", reference);
	puts("");
	for (int j = 0; (code = muster_outcome_notice(m, i, j)) != 0; j++)
		printf("%s: notice: %s: %s\n", product, error_name(code), error_text(code));
}

static void say_outcomes(const struct cli *cli)
{
	for (int i = 0; i < muster_outcome_count(cli->m); i++)
		say_outcome(cli->m, i);
	fflush(stdout);
}

/* Go on with a call until it is over; a signal that comes through ends it early. Returns its code. */
static int wait_over(struct muster *m, int code, const sigset_t *open_signals)
{
	while (code == MUSTER_IN_PROGRESS) {
		struct pollfd ready = {.fd = muster_fd(m), .events = (short)muster_events(m)};
		int ms = muster_timeout(m);
		struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
		ppoll(&ready, 1, &wait, open_signals);
		if (open_signals && stopping)
			muster_cancel(m);
		code = muster_process(m);
	}
	return code;
}

/* One pass. Returns the exit code of its error, or 0. */
static int pass(struct cli *cli, const sigset_t *open_signals)
{
	int error = wait_over(cli->m, muster_renew(cli->m, NULL, 1, 0), open_signals);
	if (stopping)
		return 0;
	say_outcomes(cli);
	return error ? print_error(cli) : 0;
}

static void sleep_until_due(struct cli *cli, const sigset_t *open_signals)
{
	long long due = -1;
	if (muster_next_due(cli->m, &due) || due < 0 || due > SLEEP_MAX)
		due = SLEEP_MAX;
	struct timespec wait = {.tv_sec = due < SLEEP_MIN ? SLEEP_MIN : due};
	if (!stopping)
		ppoll(NULL, 0, &wait, open_signals);
}

/* The signals are closed by now: one more does not break this off, but the time limit of the call does. */
static int give_back(struct cli *cli)
{
	int error = wait_over(cli->m, muster_release(cli->m, NULL, 0), NULL);
	say_outcomes(cli);
	return error ? print_error(cli) : 0;
}

int verb_agent(struct invocation *inv)
{
	struct cli cli = {0};
	sigset_t open_signals;
	bool once = invocation_has(inv, "once");
	int code = settings_apply(&cli, inv);
	if (code) {
		muster_free(cli.m);
		return code;
	}
	muster_set(cli.m, "nonblocking", "1");
	catch_signals(&open_signals);
	do {
		code = pass(&cli, &open_signals);
		/* These do not mend by themselves. */
		if (code == EXIT_NOT_PERMITTED || code == EXIT_CONFIGURATION)
			break;
		if (!once && !stopping)
			sleep_until_due(&cli, &open_signals);
	} while (!once && !stopping);
	if (stopping)
		code = invocation_has(inv, "release-on-exit") ? give_back(&cli) : 0;
	muster_free(cli.m);
	return code;
}
