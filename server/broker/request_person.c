/* SPDX-License-Identifier: Apache-2.0 */
/* Users on devices: signing in and out, product keys, and the keys that let a new device in. */
#include <string.h>

#include "error.h"
#include "request.h"
#include "signin.h"

/* The whole answer is a refusal, or something else than a lease. */
static int answer_alone(struct work *w, int code, const struct numbers *numbers)
{
	w->job->lines[0].answer = (struct answer_line){.code = code, .numbers = *numbers};
	int error = work_store_device(w);
	if (!error && code)
		error = work_deny(w, 0, code, 0);
	if (error || !w->device.known)
		return error;
	return work_turn(w);
}

/* Whether a user could hold the product at all: a code is not spent on any other. */
static int judge_product(const struct line_facts *line)
{
	for (size_t i = 0; i < line->n_candidates; i++)
		if (model_of_users(line->candidates[i].model))
			return 0;
	if (line->n_candidates == CANDIDATES_MAX) /* there may be others */
		return 0;
	return line->n_candidates ? E_NOT_FOR_USERS : E_PRODUCT_UNKNOWN;
}

/* *ret_go: the user is bound to the device, and the decision may follow. */
int work_sign_in(struct work *w, bool *ret_go)
{
	struct numbers numbers = NUMBERS_NONE;
	int code = 0;
	*ret_go = false;
	if (w->device.blocked)
		return answer_alone(w, E_DEVICE_BLOCKED, &numbers);
	if (!w->device.known && !w->job->may_enrol)
		return answer_alone(w, E_ENROL_LIMIT, &numbers);
	code = judge_product(&w->lines[0].facts);
	if (code)
		return answer_alone(w, code, &numbers);
	int error = signin_check(w->b, w->job, w->device.device, w->now, &code);
	numbers = w->job->numbers;
	if (error)
		return error;
	if (code)
		return answer_alone(w, code, &numbers);
	/* The binding names the device, so that it must be in the books whatever is decided. */
	w->stores = true;
	error = work_store_device(w);
	*ret_go = !error;
	return error ? error : work_load(w);
}

/* What a user holds here. */
struct activation_list {
	struct {
		int64_t grant;
		struct holding holding;
	} all[64];
	size_t n;
};

static int sign_out_one(const struct row *row, void *context)
{
	struct activation_list *list = context;
	if (list->n < sizeof(list->all) / sizeof(list->all[0]) &&
	    row->u.activation.holding.state == HOLDING_ACTIVE) {
		list->all[list->n].grant = row->u.activation.grant;
		list->all[list->n++].holding = row->u.activation.holding;
	}
	return 0;
}

/* Everything of the user on this device, and that he or she is bound to it. */
int work_sign_out(struct work *w)
{
	struct activation_list list = {.n = 0};
	struct numbers numbers = NUMBERS_NONE;
	int64_t bound = 0;
	struct record like = {.kind = RECORD_BINDING,
			      .u.binding = {.device = w->device.device, .user = w->device.user}};
	struct listing held = {
		.kind = LIST_ACTIVATION, .device = w->device.device, .user = w->device.user, .now = w->now};
	if (!w->device.known || !w->device.user)
		return answer_alone(w, E_NOT_ACTIVATED, &numbers);
	int error = store_page(w->b->store, &held, sign_out_one, &list);
	for (size_t i = 0; i < list.n && !error; i++) {
		struct holding after = list.all[i].holding;
		after.state = HOLDING_RELEASED;
		error = work_apply(w, (struct effect){.kind = EFFECT_HOLDING,
						      .grant = list.all[i].grant,
						      .user = w->device.user,
						      .u.holding = {list.all[i].holding, after}});
	}
	if (!error)
		error = store_find_num(w->b->store, &like, BY(binding, device) | BY(binding, user), &bound);
	if (!error && bound)
		error = store_drop(w->b->store, RECORD_BINDING, bound);
	if (!error && (bound || list.n))
		error = broker_audit(w->b, w->now, "host", "user.signed-out", w->id,
				     json_pack("{s:s, s:I}", "user", w->job->lines[0].user, "released",
					       (json_int_t)list.n));
	return error ? error : answer_alone(w, bound || list.n ? 0 : E_NOT_ACTIVATED, &numbers);
}

int work_redeem(struct work *w)
{
	struct job_line *line = &w->job->lines[0];
	char actor[DEVICE_ID_TEXT + 8] = "device:";
	struct redeeming what = {
		.key = line->key, .product = line->product, .from_device = true, .actor = actor};
	int code = 0;
	strcat(actor, w->id);
	if (w->device.blocked)
		return answer_alone(w, E_DEVICE_BLOCKED, &NUMBERS_NONE);
	if (!w->device.known && !w->job->may_enrol)
		return answer_alone(w, E_ENROL_LIMIT, &NUMBERS_NONE);
	int error = redeem_run(w->b, &what, w->now, &code);
	memcpy(line->detail, what.detail, sizeof(line->detail));
	w->stores |= code == 0;
	return error ? error : answer_alone(w, code, &what.numbers);
}

/* A new device that shows an enrolment key joins the key's group before anything is decided (DESIGN 5.4). */
int work_enrol(struct work *w)
{
	int error = 0;
	for (size_t i = 0; i < w->job->n_lines && !error; i++) {
		bool joins = false;
		if (!w->job->lines[i].key[0] || (!w->device.known && !w->job->may_enrol) || w->device.blocked)
			continue;
		error = enrol_find(w->b, w->job->lines[i].key, w->now, &joins);
		if (error || !joins)
			continue;
		w->stores = true;
		error = work_store_device(w);
		if (!error)
			error = enrol_join(w->b, w->job, w->job->lines[i].key, w->device.device, w->now);
		if (!error)
			error = work_load(w);
	}
	return error;
}
