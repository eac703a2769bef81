/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to the host as a whole: backups, and that it retires or comes back. */
#include "broker.h"
#include "error.h"
#include "mend.h"
#include "replay.h"
#include "rfc3339.h"
#include "timekeeper.h"

/* The row is dated by the clock that was believed until then, and tells both. */
static int accept_clock(struct broker *b, struct job *job, int64_t now)
{
	char was[RFC3339_TEXT];
	char is[RFC3339_TEXT];
	job->event_time = b->time ? timekeeper_look(b->time).wall : now;
	int error = broker_note(b, META_TIME, job->event_time);
	return error ? error
		     : broker_audit(b, now, job->actor, "clock.accepted", b->key->id,
				    json_pack("{s:s, s:s}", "clock", rfc3339_write(job->event_time, is),
					      "believed", rfc3339_write(now, was)));
}

int host_event_run(struct broker *b, struct job *job, int64_t now)
{
	static const struct {
		const char *meta;
		const char *action;
	} rows[] = {[HOST_BACKED_UP] = {META_BACKUP, "backup.made"},
		    [HOST_RETIRED] = {META_RETIRED, "host.retired"},
		    [HOST_RETURNED] = {META_RETIRED, "host.returned"}};
	int64_t retired = atomic_load(&b->retired);
	if (job->event == HOST_CLOCK_ACCEPTED)
		return accept_clock(b, job, now);
	if (job->event == HOST_MENDED)
		return mend_run(b, job, now);
	if (job->event == HOST_RETIRED)
		job->event_time = retired ? retired : now;
	if (job->event == HOST_RETURNED)
		job->event_time = 0;
	if (job->event != HOST_BACKED_UP && job->event_time == retired)
		return 0; /* it is so already */
	int error = broker_note(b, rows[job->event].meta, job->event_time);
	return error ? error
		     : broker_audit(b, now, job->actor, rows[job->event].action, b->key->id,
				    job->event_detail ? json_incref(job->event_detail) : json_object());
}

void host_event_done(struct broker *b, const struct job *job)
{
	if (job->replay && job->replay->found)
		return; /* that was then */
	if (job->event == HOST_CLOCK_ACCEPTED && job->code == 0 && b->time)
		timekeeper_accept(b->time);
	else if (job->event == HOST_MENDED)
		mend_done(b);
	else if (job->event != HOST_BACKED_UP && job->code == 0)
		atomic_store(&b->retired, job->event_time);
}

bool host_event_refuses(const struct broker *b, enum job_kind kind)
{
	return atomic_load(&b->retired) && kind != JOB_HOST && kind != JOB_AUDIT && kind != JOB_NOTE;
}
