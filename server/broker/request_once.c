/* SPDX-License-Identifier: Apache-2.0 */
/* Exactly once: the last answer again, or the next one remembered (DESIGN 5.4). */
#include <string.h>

#include "likeness.h"
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

int work_turn(struct work *w)
{
	struct answer answer = {.digest = digest(w->job), .n = w->job->n_lines};
	struct ratchet next = {.counter = w->device.ratchet.counter + 1,
			       .at = w->now,
			       .machine = likeness_known(&w->device.ratchet.machine, &w->job->machine)};
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
	work_turned(w);
	w->job->counter = next.counter;
	ratchet_make(w->b->secret, w->job->device, next.counter, next.token, w->job->ratchet);
	return work_apply(w, (struct effect){.kind = EFFECT_RATCHET, .u.ratchet = &next});
}
