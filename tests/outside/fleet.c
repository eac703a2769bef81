/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fleet: activates one product on N machines at once, in one thread, with poll(2).
 *
 *   fleet [NAME=VALUE]... DIR N PRODUCT [DEADLINE_MS]
 *
 * Machine i keeps its state in DIR/i. NAME=VALUE is an option of muster_set(3), for all. DEADLINE_MS (60000)
 * is for everything together. Prints how many became licensed; exits with 0 when all did, otherwise with the
 * library's exit code for the first that failed.
 */
#include <errno.h>
#include <limits.h>
#include <muster.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
enum { WIDTH = 64, TRY_AGAIN = 75 }; /* WIDTH at a time: a call that goes on needs several descriptors */
struct machine {
	struct muster *m; /* NULL: the slot is free */
	int index, code;
	long long due; /* when it has something to do though there is no event */
};
static struct machine all[WIDTH];
static const char *product;
static int licensed, status;
static long long end;
static long long now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}
static int complain(const struct muster *m, const char *who)
{
	const char *detail = muster_error_detail(m);
	fprintf(stderr, "fleet: %s: %s: %s%s%s%s; %s\n", who, muster_error_name(m), muster_error_text(m),
		*detail ? " (" : "", detail, *detail ? ")" : "", muster_error_remedy(m));
	return muster_error_exit(m);
}
/* A handle with the leading NAME=VALUE arguments, which end at *first; NULL after a complaint. */
static struct muster *open_handle(int argc, char **argv, int *first)
{
	struct muster *m = muster_new();
	int i, bad = 0;
	for (i = 1; m && !bad && i < argc && strchr(argv[i], '='); i++) {
		char *eq = strchr(argv[i], '=');
		*eq = '\0';
		bad = muster_set(m, argv[i], eq + 1);
		*eq = '=';
	}
	*first = i;
	if (m && !bad && !muster_set(m, "nonblocking", "1"))
		return m;
	status = m ? complain(m, "options") : TRY_AGAIN;
	muster_free(m);
	return NULL;
}
static int number(const char *text)
{
	char *tail;
	long n;
	errno = 0;
	n = strtol(text, &tail, 10);
	return errno || tail == text || *tail || n < 1 || n > INT_MAX / 2 ? 0 : (int)n;
}
/* Whose call has ended is counted, or waits to try again. */
static void settle(struct machine *one)
{
	long long now = now_ms(), wait = muster_error_retry_after(one->m);
	char who[32];
	int code;
	if (one->code == MUSTER_IN_PROGRESS)
		return;
	one->due = now + (wait > 0 ? wait : 1) * 1000;
	if (one->code && muster_error_exit(one->m) == TRY_AGAIN && one->due < end)
		return; /* BUSY and the like: the library does not try again by itself */
	licensed += one->code == 0;
	snprintf(who, sizeof who, "machine %d", one->index);
	if (one->code && (code = complain(one->m, who)) && !status)
		status = code;
	muster_free(one->m);
	one->m = NULL;
}
/* Wait until one of them has something to do, and let it. Returns how many go on. */
static int turn(void)
{
	struct pollfd fds[WIDTH];
	struct machine *who[WIDTH];
	long long wake = end, now = now_ms();
	int i, n = 0, live = 0;
	for (i = 0; i < WIDTH; i++) {
		if (!all[i].m)
			continue;
		if (all[i].code == MUSTER_IN_PROGRESS)
			all[i].due = now + muster_timeout(all[i].m);
		wake = all[i].due < wake ? all[i].due : wake;
		who[n] = &all[i];
		fds[n].fd = muster_fd(all[i].m);
		fds[n].events = (short)muster_events(all[i].m);
		fds[n++].revents = 0;
	}
	if (n && poll(fds, (nfds_t)n, wake > now ? (int)(wake - now) : 0) < 0 && errno != EINTR)
		perror("fleet: poll");
	now = now_ms();
	for (i = 0; i < n; i++) {
		int goes_on = who[i]->code == MUSTER_IN_PROGRESS;
		if (now < end && now < who[i]->due && !fds[i].revents)
			continue;
		if (now >= end)
			muster_cancel(who[i]->m); /* ends with the next muster_process */
		if (goes_on)
			who[i]->code = muster_process(who[i]->m);
		else if (now < end)
			who[i]->code = muster_activate(who[i]->m, product, (int)(end - now));
		settle(who[i]);
	}
	for (i = 0; i < WIDTH; i++)
		live += all[i].m != NULL;
	return live;
}
int main(int argc, char **argv)
{
	int first, n = 0, deadline = 60000, begun = 0, live = 0;
	struct muster *m = open_handle(argc, argv, &first); /* complains of wrong options once */
	char dir[PATH_MAX];
	muster_free(m);
	if (!m)
		return status;
	n = argc - first == 3 || argc - first == 4 ? number(argv[first + 1]) : 0;
	deadline = argc - first == 4 ? number(argv[first + 3]) : deadline;
	if (!n || !deadline || strlen(argv[first]) > sizeof dir - 16) {
		fputs("usage: fleet [NAME=VALUE]... DIR N PRODUCT [DEADLINE_MS]\n", stderr);
		return 64;
	}
	product = argv[first + 2];
	for (end = now_ms() + deadline; live || (begun < n && now_ms() < end); live = turn())
		for (struct machine *one = all; one < all + WIDTH && begun < n && now_ms() < end; one++) {
			if (one->m || !(one->m = open_handle(argc, argv, &first)))
				continue;
			one->index = begun++;
			snprintf(dir, sizeof dir, "%s/%d", argv[first], one->index);
			one->code = muster_set(one->m, "state", dir);
			one->code = one->code ? one->code : muster_activate(one->m, product, deadline);
			settle(one);
		}
	printf("%d of %d licensed\n", licensed, n);
	return fflush(stdout) || (licensed < n && !status) ? TRY_AGAIN : status;
}
