/* SPDX-License-Identifier: Apache-2.0 */
#include "syncer.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "error.h"
#include "store.h"

struct syncer {
	pthread_t thread;
	struct store *store;
	sem_t begun;
	sem_t done;
	bool stopping; /* written before begun is posted */
	int error;     /* written before done is posted */
};

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem))
		; /* interrupted by a signal */
}

static void *syncer_main(void *context)
{
	struct syncer *s = context;
	pthread_setname_np(pthread_self(), "syncer");
	for (wait_for(&s->begun); !s->stopping; wait_for(&s->begun)) {
		s->error = store_sync(s->store);
		sem_post(&s->done);
	}
	return NULL;
}

static void release(struct syncer *s)
{
	sem_destroy(&s->begun);
	sem_destroy(&s->done);
	free(s);
}

int syncer_start(struct store *store, struct syncer **ret)
{
	struct syncer *s = calloc(1, sizeof(*s));
	if (!s)
		return E_NO_MEMORY;
	s->store = store;
	sem_init(&s->begun, 0, 0);
	sem_init(&s->done, 0, 0);
	if (pthread_create(&s->thread, NULL, syncer_main, s)) {
		release(s);
		return E_INTERNAL;
	}
	*ret = s;
	return 0;
}

void syncer_begin(struct syncer *s)
{
	sem_post(&s->begun);
}

bool syncer_is_done(struct syncer *s)
{
	int waiting = 0;
	sem_getvalue(&s->done, &waiting);
	return waiting > 0;
}

int syncer_wait(struct syncer *s)
{
	wait_for(&s->done);
	return s->error;
}

void syncer_stop(struct syncer *s)
{
	if (!s)
		return;
	s->stopping = true;
	sem_post(&s->begun);
	pthread_join(s->thread, NULL);
	release(s);
}
