/* SPDX-License-Identifier: Apache-2.0 */
#include "verb.h"

#include "errand.h"
#include "ongoing.h"

int verb_do(struct muster *m, const struct verb *v, struct deadline deadline)
{
	struct work w;
	int error = work_open(&w, m, v->mode, deadline);
	if (!error)
		error = v->run(&w, v);
	work_close(&w);
	return errand_conclude(m, error);
}

int verb_run(struct muster *m, const struct verb *v, int deadline_ms)
{
	int error = muster_begin(m);
	if (error)
		return error;
	if (options_flag(&m->options, OPTION_NONBLOCKING))
		return ongoing_start(m, v, deadline_ms);
	return verb_do(m, v, muster_deadline(m, deadline_ms));
}

int verb_run_local(struct muster *m, const struct verb *v)
{
	int error = muster_begin(m);
	return error ? error : verb_do(m, v, muster_local_deadline(m));
}
