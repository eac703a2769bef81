/* SPDX-License-Identifier: Apache-2.0 */
/* Exactly once: the last answer again, or the next one remembered (DESIGN 5.4). */
#include <string.h>

#include "request.h"

/* Activate and Renew ask the same. */
static uint64_t digest(const struct job *job)
{
	const char *texts[2 * LIMIT_LINES];
	size_t n = 0;
	int kind = job->kind == JOB_ACTIVATE || job->kind == JOB_RENEW ? 0 : (int)job->kind - JOB_RELEASE + 1;
	for (size_t i = 0; i < job->n_lines; i++)
		texts[n++] = job->lines[i].product;
	for (size_t i = 0; i < job->n_lines; i++)
		if (job->lines[i].user[0])
			texts[n++] = job->lines[i].user;
	return answer_digest(kind, texts, n);
}

/* The last request again: give what was answered then. False when what is stored is not an answer to it. */
bool work_repeat(struct work *w)
{
	const struct ratchet *r = &w->device.ratchet;
	struct answer answer;
	if (!answer_read(r->answer, r->answer_n, &answer))
		return false;
	if (answer.n != w->job->n_lines || answer.digest != digest(w->job))
		return false;
	for (size_t i = 0; i < answer.n; i++)
		w->job->lines[i].answer = answer.lines[i];
	if (answer.detail[0])
		memcpy(w->job->lines[answer.detail_of].detail, answer.detail, sizeof(answer.detail));
	w->job->counter = r->counter;
	w->job->repeated = true;
	ratchet_make(w->b->secret, w->job->device, r->counter, r->token, w->job->ratchet);
	broker_tally(w->b, "repeated", 0);
	return true;
}

int work_mismatch(struct work *w)
{
	/* What was answered after the backup is not on record, so nobody can be accused of it. */
	if (w->device.ratchet.at <= w->b->restored && w->job->shown.counter > w->device.ratchet.counter) {
		broker_tally(w->b, "ratchet.restored", 0);
		return 0;
	}
	w->job->mismatched = true;
	if (broker_told_today(w->b, w->job->device, w->now)) {
		broker_tally(w->b, "ratchet.mismatch", 0);
		return 0;
	}
	return broker_audit(w->b, w->now, "host", "ratchet.mismatch", w->id,
			    json_pack("{s:s, s:I, s:I}", "hostname", w->job->hostname, "shown",
				      (json_int_t)w->job->shown.counter, "expected",
				      (json_int_t)w->device.ratchet.counter));
}

int work_turn(struct work *w)
{
	struct answer answer = {.digest = digest(w->job), .n = w->job->n_lines};
	struct ratchet next = {.counter = w->device.ratchet.counter + 1, .at = w->now};
	memcpy(next.token, w->job->shown.token, REQUEST_TOKEN);
	memcpy(next.shown, w->job->shown.ratchet, RATCHET);
	for (size_t i = w->job->n_lines; i > 0; i--) {
		const struct job_line *line = &w->job->lines[i - 1];
		answer.lines[i - 1] = line->answer;
		if (!line->detail[0])
			continue;
		memcpy(answer.detail, line->detail, sizeof(answer.detail));
		answer.detail_of = i - 1;
	}
	next.answer_n = answer_write(&answer, next.answer);
	w->job->counter = next.counter;
	ratchet_make(w->b->secret, w->job->device, next.counter, next.token, w->job->ratchet);
	return work_apply(w, (struct effect){.kind = EFFECT_RATCHET, .u.ratchet = &next});
}
