/* SPDX-License-Identifier: Apache-2.0 */
#include "bucket.h"
#include "day.h"

static bool stands(const struct holding *h)
{
	return h->state == HOLDING_COUNTED || h->state == HOLDING_ACTIVE;
}

static int32_t lease_day(const struct holding *h)
{
	return h->expires ? day_of(h->expires) : BUCKET_FOREVER;
}

static size_t list(const struct holding *h, int change, struct bucket_change *out)
{
	size_t n = 0;
	if (stands(h))
		out[n++] = (struct bucket_change){BUCKET_CONTACT, day_of(h->contacted), change};
	if (h->state == HOLDING_ACTIVE)
		out[n++] = (struct bucket_change){BUCKET_LEASE, lease_day(h),
						  change * (int)(h->units ? h->units : 1)};
	return n;
}

size_t bucket_changes(const struct holding *before, const struct holding *after, struct bucket_change out[4])
{
	size_t n = list(before, -1, out);
	n += list(after, 1, out + n);
	/* A change that another takes back writes nothing. */
	for (size_t i = 0; i < n; i++) {
		for (size_t j = i + 1; j < n; j++) {
			if (out[i].kind != out[j].kind || out[i].day != out[j].day)
				continue;
			out[i].change += out[j].change;
			out[j] = out[--n];
			if (out[i].change == 0)
				out[i--] = out[--n];
			break;
		}
	}
	return n;
}

int32_t bucket_window_start(int64_t now, uint32_t window_days)
{
	return day_of(now) - (int32_t)window_days + 1;
}

bool bucket_counts(const struct holding *h, int64_t now, uint32_t window_days)
{
	return stands(h) && day_of(h->contacted) >= bucket_window_start(now, window_days);
}

bool bucket_leased(const struct holding *h, int64_t now)
{
	return h->state == HOLDING_ACTIVE && lease_day(h) >= day_of(now);
}
