/* SPDX-License-Identifier: Apache-2.0 */
#include "histogram.h"

static const struct {
	int64_t us;
	const char *text;
} ends[] = {
#define END(us, text) {us, text},
	HISTOGRAM_BUCKETS(END)
#undef END
};

_Static_assert(sizeof(ends) / sizeof(ends[0]) == HISTOGRAM_ENDS, "every bucket has its counter");

void histogram_add(struct histogram *h, int64_t us)
{
	int i = 0;
	us = us < 0 ? 0 : us;
	while (i < HISTOGRAM_ENDS && us > ends[i].us)
		i++;
	atomic_fetch_add_explicit(&h->buckets[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&h->sum, us, memory_order_relaxed);
}

const char *histogram_end(int i)
{
	return i < HISTOGRAM_ENDS ? ends[i].text : "+Inf";
}
