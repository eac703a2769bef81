/* SPDX-License-Identifier: Apache-2.0 */
#include "crew.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "error.h"

#define KNOWN_AT_ONCE 8     /* that a thread takes: the others find some, too */
#define STRANGERS_AT_ONCE 2 /* so long somebody who is known waits for them */

struct list {
	struct crew_work *first;
	struct crew_work **last;
	size_t n;
};

struct crew {
	struct crew_settings settings;
	struct list added[2]; /* of those who are known, and of strangers; not given yet */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct list given[2];
	struct list done;
	size_t idle;
	bool stopping;
	size_t n_threads;
	pthread_t threads[];
};

enum { KNOWN, STRANGERS };

static void list_init(struct list *l)
{
	*l = (struct list){.last = &l->first};
}

static void list_append(struct list *l, struct crew_work *w)
{
	w->next = NULL;
	*l->last = w;
	l->last = &w->next;
	l->n++;
}

/* The whole of the other one behind it. */
static void list_join(struct list *to, struct list *from)
{
	if (!from->first)
		return;
	*to->last = from->first;
	to->last = from->last;
	to->n += from->n;
	list_init(from);
}

static struct crew_work *list_shift(struct list *l)
{
	struct crew_work *w = l->first;
	l->first = w->next;
	if (!l->first)
		l->last = &l->first;
	l->n--;
	return w;
}

/* --- the threads --- */

/* Wait for work, and take some; false: there will be none any more. */
static bool take_some(struct crew *c, struct list *ret)
{
	list_init(ret);
	while (!c->given[KNOWN].first && !c->given[STRANGERS].first && !c->stopping) {
		c->idle++;
		pthread_cond_wait(&c->wake, &c->lock);
		c->idle--;
	}
	struct list *from = &c->given[c->given[KNOWN].first ? KNOWN : STRANGERS];
	size_t most = from == &c->given[KNOWN] ? KNOWN_AT_ONCE : STRANGERS_AT_ONCE;
	while (from->first && ret->n < most)
		list_append(ret, list_shift(from));
	return ret->n != 0;
}

static void *work(void *context)
{
	struct crew *c = context;
	struct list mine;
	pthread_setname_np(pthread_self(), "crew");
	pthread_mutex_lock(&c->lock);
	while (take_some(c, &mine)) {
		pthread_mutex_unlock(&c->lock);
		for (struct crew_work *w = mine.first; w; w = w->next)
			c->settings.run(w);
		pthread_mutex_lock(&c->lock);
		list_join(&c->done, &mine);
		pthread_mutex_unlock(&c->lock);
		c->settings.ready(c->settings.context);
		pthread_mutex_lock(&c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* Signals are the loop's. */
static void start_threads(struct crew *c)
{
	sigset_t all;
	sigset_t before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (c->n_threads < c->settings.threads &&
	       !pthread_create(&c->threads[c->n_threads], NULL, work, c))
		c->n_threads++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int crew_new(const struct crew_settings *settings, struct crew **ret)
{
	struct crew *c = calloc(1, sizeof(*c) + settings->threads * sizeof(c->threads[0]));
	if (!c)
		return E_NO_MEMORY;
	c->settings = *settings;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->wake, NULL);
	for (int i = KNOWN; i <= STRANGERS; i++) {
		list_init(&c->added[i]);
		list_init(&c->given[i]);
	}
	list_init(&c->done);
	start_threads(c);
	if (c->n_threads) {
		*ret = c;
		return 0;
	}
	crew_free(c);
	return E_INTERNAL;
}

void crew_stop(struct crew *c)
{
	crew_give(c);
	pthread_mutex_lock(&c->lock);
	c->stopping = true;
	pthread_cond_broadcast(&c->wake);
	pthread_mutex_unlock(&c->lock);
	while (c->n_threads)
		pthread_join(c->threads[--c->n_threads], NULL);
}

void crew_free(struct crew *c)
{
	if (!c)
		return;
	crew_stop(c);
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->wake);
	free(c);
}

/* --- the loop's side --- */

void crew_add(struct crew *c, struct crew_work *w, bool stranger)
{
	list_append(&c->added[stranger ? STRANGERS : KNOWN], w);
}

void crew_give(struct crew *c)
{
	size_t n = c->added[KNOWN].n + c->added[STRANGERS].n;
	if (!n)
		return;
	pthread_mutex_lock(&c->lock);
	list_join(&c->given[KNOWN], &c->added[KNOWN]);
	list_join(&c->given[STRANGERS], &c->added[STRANGERS]);
	for (size_t i = 0; i < n && i < c->idle; i++)
		pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
}

struct crew_work *crew_take(struct crew *c)
{
	pthread_mutex_lock(&c->lock);
	struct crew_work *all = c->done.first;
	list_init(&c->done);
	pthread_mutex_unlock(&c->lock);
	return all;
}
