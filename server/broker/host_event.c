/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to the host as a whole: backups, and that it retires or comes back. */
#include "broker.h"
#include "error.h"

int host_event_run(struct broker *b, struct job *job, int64_t now)
{
	static const struct {
		const char *meta;
		const char *action;
	} rows[] = {[HOST_BACKED_UP] = {META_BACKUP, "backup.made"},
		    [HOST_RETIRED] = {META_RETIRED, "host.retired"},
		    [HOST_RETURNED] = {META_RETIRED, "host.returned"}};
	int64_t retired = atomic_load(&b->retired);
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
	if (job->event != HOST_BACKED_UP && job->code == 0)
		atomic_store(&b->retired, job->event_time);
}

bool host_event_refuses(const struct broker *b, enum job_kind kind)
{
	return atomic_load(&b->retired) && kind != JOB_HOST && kind != JOB_AUDIT && kind != JOB_NOTE;
}
