/* SPDX-License-Identifier: Apache-2.0 */
#include "health_host.h"

#include <inttypes.h>

#include "day.h"
#include "error.h"
#include "rfc3339.h"

#define MIB ((int64_t)1 << 20)
#define DISK_LAST_MIB 64 /* below this the next batch may not fit */
#define HOUR_SECONDS 3600
#define SKEWED_DEVICES 5
#define SKEWED_SHARE 4 /* a fourth of all */
#define IDLE_DEVICES 5 /* fewer may well be silent for days */

static void check_disk(struct overview *o, const struct health_limits *l, health_finding *tell)
{
	const struct surroundings *s = &o->surroundings;
	int64_t limit = atomic_load(&l->disk_mb);
	if (s->disk_free_bytes < 0 || !limit || s->disk_free_bytes >= limit * MIB)
		return;
	tell(o, E_DISK_LOW, s->disk_free_bytes < DISK_LAST_MIB * MIB ? SEVERITY_ERROR : SEVERITY_WARNING,
	     "the state folder's disk has %" PRId64 " MiB free of %" PRId64 " MiB; warned of below %" PRId64,
	     s->disk_free_bytes / MIB, s->disk_size_bytes / MIB, limit);
}

static void check_wal(struct overview *o, const struct health_limits *l, health_finding *tell)
{
	int64_t limit = atomic_load(&l->wal_mb);
	if (limit && o->surroundings.wal_bytes >= limit * MIB)
		tell(o, E_WAL_LARGE, SEVERITY_WARNING,
		     "the database's write-ahead log has grown to %" PRId64 " MiB beside %" PRId64
		     " MiB of database",
		     o->surroundings.wal_bytes / MIB, o->surroundings.store_bytes / MIB);
}

/* Worth saving since the first license came. */
static int64_t worth_saving_since(const struct overview *o)
{
	int64_t since = 0;
	for (size_t i = 0; i < o->catalog->n_licenses; i++)
		if (!since || o->catalog->licenses[i].installed < since)
			since = o->catalog->licenses[i].installed;
	return since;
}

static void check_backup(struct overview *o, const struct health_limits *l, int64_t now, health_finding *tell)
{
	int64_t days = atomic_load(&l->backup_days);
	int64_t since = worth_saving_since(o);
	char text[RFC3339_TEXT];
	if (!days || !since || o->surroundings.store_bytes < 0)
		return; /* nothing to save, or it is in memory alone */
	if (o->backup_at > since)
		since = o->backup_at;
	if (now < since + days * DAY_SECONDS)
		return;
	if (o->backup_at)
		tell(o, E_BACKUP_OLD, SEVERITY_WARNING, "the last backup was made %s, %" PRId64 " days ago",
		     rfc3339_write(o->backup_at, text), (now - o->backup_at) / DAY_SECONDS);
	else
		tell(o, E_BACKUP_OLD, SEVERITY_WARNING,
		     "no backup was ever made; the first license came %" PRId64 " days ago",
		     (now - since) / DAY_SECONDS);
}

static void check_integrity(struct overview *o, const struct counters *c, health_finding *tell)
{
	int code = (int)atomic_load(&c->check_failed);
	char text[RFC3339_TEXT];
	if (code)
		tell(o, code, SEVERITY_ERROR, "the check of the store at %s found: %s",
		     rfc3339_write(atomic_load(&c->check_at), text), error_text(code));
}

static void check_clock(struct overview *o, const struct counters *c, int64_t now, health_finding *tell)
{
	int64_t at = atomic_load(&c->clock_back_at);
	char text[RFC3339_TEXT];
	if (at && now < at + DAY_SECONDS)
		tell(o, E_CLOCK_SET_BACK, SEVERITY_WARNING,
		     "this host's clock was set back at %s, by %lld s since the start",
		     rfc3339_write(at, text), (long long)atomic_load(&c->clock_back));
}

/* When many are off to the same side, the host's own clock is the likelier one to be wrong. */
static void check_skew(struct overview *o, health_finding *tell)
{
	int64_t ahead = o->skew.ahead;
	int64_t behind = o->skew.behind;
	int64_t most = ahead > behind ? ahead : behind;
	bool own = most >= SKEWED_DEVICES && most * SKEWED_SHARE > o->devices;
	if (ahead + behind == 0)
		return;
	tell(o, E_CLOCK_SKEWED, own ? SEVERITY_WARNING : SEVERITY_INFO,
	     "the clocks of %" PRId64 " devices are ahead (by up to %" PRId64 " s), of %" PRId64
	     " behind (by up to %" PRId64 " s)%s",
	     ahead, o->skew.most_ahead, behind, -o->skew.most_behind,
	     own ? "; so many are off to one side that it may be this host's own" : "");
}

/* Everything seems to work, and still nobody calls: DNS, a firewall or the network may be why. */
static void check_idle(struct overview *o, const struct health_limits *l, int64_t started, int64_t now,
		       health_finding *tell)
{
	int64_t hours = atomic_load(&l->idle_hours);
	int64_t since = o->contact_at > started ? o->contact_at : started;
	char text[RFC3339_TEXT];
	if (hours && o->devices >= IDLE_DEVICES && now >= since + hours * HOUR_SECONDS)
		tell(o, E_NO_CONTACT, SEVERITY_WARNING,
		     "none of %" PRId64 " devices has called since %s, for %" PRId64 " hours", o->devices,
		     rfc3339_write(since, text), (now - since) / HOUR_SECONDS);
}

void health_host(struct overview *o, const struct health_limits *l, const struct counters *c, int64_t started,
		 int64_t now, health_finding *tell)
{
	check_disk(o, l, tell);
	check_wal(o, l, tell);
	check_backup(o, l, now, tell);
	check_integrity(o, c, tell);
	check_clock(o, c, now, tell);
	check_skew(o, tell);
	check_idle(o, l, started, now, tell);
}
