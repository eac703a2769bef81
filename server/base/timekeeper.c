/* SPDX-License-Identifier: Apache-2.0 */
#include "timekeeper.h"

#include <pthread.h>
#include <stdlib.h>

struct timekeeper {
	pthread_mutex_t lock;
	struct clock system;
	int64_t mark;    /* the greatest time that was believed; 0: none */
	int64_t mono_ms; /* when that was */
};

enum time_trust time_judge(int64_t wall, int64_t mark, int64_t elapsed)
{
	if (wall < TIME_FLOOR || (mark && wall < mark - TIME_BEHIND_MAX))
		return TIME_BEHIND;
	return mark && wall > mark + elapsed + TIME_AHEAD_MAX ? TIME_AHEAD : TIME_GOOD;
}

struct timekeeper *timekeeper_new(const struct clock *system)
{
	struct timekeeper *k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;
	pthread_mutex_init(&k->lock, NULL);
	k->system = *system;
	k->mono_ms = clock_mono_ms(system);
	return k;
}

void timekeeper_free(struct timekeeper *k)
{
	if (!k)
		return;
	pthread_mutex_destroy(&k->lock);
	free(k);
}

void timekeeper_remember(struct timekeeper *k, int64_t mark)
{
	pthread_mutex_lock(&k->lock);
	k->mark = mark;
	k->mono_ms = clock_mono_ms(&k->system);
	pthread_mutex_unlock(&k->lock);
}

struct time_view timekeeper_look(struct timekeeper *k)
{
	struct time_view v;
	pthread_mutex_lock(&k->lock);
	int64_t mono_ms = clock_mono_ms(&k->system);
	int64_t elapsed = (mono_ms - k->mono_ms) / 1000;
	v.wall = clock_wall(&k->system);
	v.trust = time_judge(v.wall, k->mark, elapsed);
	if (v.trust == TIME_GOOD) {
		k->mark = v.now = v.wall > k->mark ? v.wall : k->mark;
		k->mono_ms = mono_ms;
	} else {
		v.now = (k->mark ? k->mark : TIME_FLOOR) + elapsed;
	}
	pthread_mutex_unlock(&k->lock);
	return v;
}

void timekeeper_accept(struct timekeeper *k)
{
	pthread_mutex_lock(&k->lock);
	k->mark = clock_wall(&k->system);
	k->mono_ms = clock_mono_ms(&k->system);
	pthread_mutex_unlock(&k->lock);
}

static int64_t believed(void *context)
{
	return timekeeper_look(context).now;
}

static int64_t mono(void *context)
{
	struct timekeeper *k = context;
	return clock_mono_ms(&k->system);
}

struct clock timekeeper_clock(struct timekeeper *k)
{
	return (struct clock){believed, mono, k};
}

struct clock timekeeper_system(const struct timekeeper *k)
{
	return k->system;
}
