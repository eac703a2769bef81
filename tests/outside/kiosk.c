/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kiosk: signs a user in, keeps the license renewed while it runs, and signs the user out at the end.
 *
 *   kiosk [NAME=VALUE]... PRODUCT USER [CODE|- [EVERY]]
 *
 * NAME=VALUE is an option of muster_set(3). CODE is the one-time code; - reads it from standard input, unseen
 * by others. EVERY: renew each so many seconds, not only when it is due. SIGINT or SIGTERM ends it.
 */
#include <errno.h>
#include <muster.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
struct worker {
	struct muster *m; /* the thread's own; others only call muster_cancel on it */
	const char *product;
	int every;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int stop, done;
};
static int complain(const struct muster *m, const char *what)
{
	const char *detail = muster_error_detail(m);
	fprintf(stderr, "kiosk: %s: %s: %s%s%s%s %s\n", what, muster_error_name(m), muster_error_text(m),
		*detail ? " (" : "", detail, *detail ? ")" : "", muster_error_remedy(m));
	return muster_error_exit(m);
}
static struct muster *open_handle(int argc, char **argv, int *first, int *status)
{
	struct muster *m = muster_new();
	int i, bad = 0;
	*status = 75;
	for (i = 1; m && !bad && i < argc && strchr(argv[i], '='); i++) {
		char *eq = strchr(argv[i], '=');
		*eq = '\0';
		bad = muster_set(m, argv[i], eq + 1);
		*eq = '=';
	}
	if (m && (bad || muster_set(m, "nonblocking", "0"))) {
		*status = complain(m, "options");
		muster_free(m);
		m = NULL;
	}
	*first = i;
	return m;
}
static struct timespec after_ms(long long ms)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += (time_t)(ms / 1000);
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}
static void *renew(void *argument)
{
	struct worker *w = argument;
	long long seconds = 0;
	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		struct timespec until;
		int code, known;
		pthread_mutex_unlock(&w->lock);
		/* muster_next_due is for all products, and so all that are due are renewed. */
		known = muster_next_due(w->m, &seconds) == 0 && seconds >= 0;
		if (w->every || (known && seconds == 0)) {
			code = muster_renew(w->m, w->every ? w->product : NULL, !w->every, 0);
			pthread_mutex_lock(&w->lock);
			if (code && !w->stop) /* what was cancelled is no failure */
				complain(w->m, "renewal");
			pthread_mutex_unlock(&w->lock);
			seconds = muster_error_retry_after(w->m) > 0 ? muster_error_retry_after(w->m) : 1;
		}
		if (w->every)
			seconds = w->every;
		else if (!known || seconds > 3600)
			seconds = 3600; /* another program may change what is due */
		pthread_mutex_lock(&w->lock);
		until = after_ms(seconds * 1000);
		while (!w->stop && pthread_cond_timedwait(&w->changed, &w->lock, &until) != ETIMEDOUT)
			;
	}
	w->done = 1;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}
static void end_worker(struct worker *w, pthread_t thread)
{
	pthread_mutex_lock(&w->lock);
	w->stop = 1;
	pthread_cond_broadcast(&w->changed);
	while (!w->done) { /* a cancel that comes before its call begins is lost: so again */
		struct timespec until = after_ms(20);
		muster_cancel(w->m);
		pthread_cond_timedwait(&w->changed, &w->lock, &until);
	}
	pthread_mutex_unlock(&w->lock);
	pthread_join(thread, NULL);
}
int main(int argc, char **argv)
{
	struct worker w = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	int first, status, caught;
	struct muster *m = open_handle(argc, argv, &first, &status);
	char line[256], *code = m && argc - first >= 3 ? argv[first + 2] : NULL;
	pthread_t thread;
	sigset_t ends;
	if (!m || argc - first < 2 || argc - first > 4) {
		fputs(m ? "usage: kiosk [NAME=VALUE]... PRODUCT USER [CODE|- [EVERY]]\n" : "", stderr);
		muster_free(m);
		return m ? 64 : status;
	}
	sigemptyset(&ends); /* for all threads; what comes during the sign-in waits for its end */
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
	if (code && !strcmp(code, "-"))
		code = fgets(line, sizeof line, stdin) ? strtok(line, "\r\n") : NULL;
	w.product = argv[first];
	w.every = argc - first == 4 ? atoi(argv[first + 3]) : 0;
	if (muster_signin(m, w.product, argv[first + 1], code, 0)) {
		status = complain(m, "sign-in");
		goto out;
	}
	printf("%s: %s signed in\n", w.product, argv[first + 1]);
	fflush(stdout);
	w.m = open_handle(argc, argv, &first, &status);
	if (w.m && pthread_create(&thread, NULL, renew, &w) == 0) {
		sigwait(&ends, &caught);
		end_worker(&w, thread);
		status = 0;
	}
	if (muster_signout(m, w.product, 0))
		status = complain(m, "sign-out");
	else
		printf("%s: signed out\n", w.product);
out:
	memset(line, 0, sizeof line);
	muster_free(w.m);
	muster_free(m);
	return status;
}
