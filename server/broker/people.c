/* SPDX-License-Identifier: Apache-2.0 */
/* Users, groups and who is in them. */
#include <stdlib.h>
#include <string.h>

#include "day.h"
#include "error.h"
#include "order.h"

#define MEMBERSHIP (BY(membership, kind) | BY(membership, member) | BY(membership, circle))

/* --- users --- */

static int put_membership(struct order *o, enum member_kind kind, int64_t member, int64_t circle,
			  bool *ret_new)
{
	struct record r = {.kind = RECORD_MEMBERSHIP,
			   .u.membership = {.kind = (int64_t)kind, .member = member, .circle = circle}};
	int error = store_find_num(o->b->store, &r, MEMBERSHIP, &r.num);
	*ret_new = !error && !r.num;
	return *ret_new ? store_put(o->b->store, &r) : error;
}

/* Put the user into the groups that are named with commas between. */
static int join_groups(struct order *o, int64_t user, const char *groups)
{
	int error = 0;
	while (groups && *groups && !error && !o->c->code) {
		char name[LIMIT_ID + 1] = "";
		int64_t circle;
		bool added = false;
		size_t n = strcspn(groups, ",");
		if (n > LIMIT_ID)
			return order_refuse(o->c, E_NOT_FOUND, "a group's name has at most 63 characters");
		memcpy(name, groups, n);
		error = order_circle(o, CIRCLE_USERS, name, &circle);
		if (!error && circle)
			error = put_membership(o, MEMBER_USER, user, circle, &added);
		if (!error && added)
			error = seats_settle_member(o->b, o->now, (struct holder){MEMBER_USER, user}, circle);
		groups += n + (groups[n] == ',');
	}
	return error;
}

int people_user_add(struct order *o)
{
	struct change *c = o->c;
	struct record_copy old;
	struct record r = {.kind = RECORD_USER,
			   .u.user = {.name = c->user,
				      .display = c->name ? c->name : "",
				      .guest = c->guest,
				      .created = o->now}};
	if (!user_ok(c->user))
		return order_refuse(c, E_BAD_REQUEST,
				    "user: 1 to 127 characters without blanks, commas or quotes");
	int error = store_find(o->b->store, &r, BY(user, name), &old);
	if (error && error != E_NOT_FOUND)
		return error;
	if (!error) {
		r.num = old.record.num;
		r.u.user.created = old.record.u.user.created;
		r.u.user.guest |= old.record.u.user.guest;
		if (!c->name)
			r.u.user.display = old.record.u.user.display;
	}
	if (r.u.user.guest && !o->job->orders->may_guests)
		return order_refuse(c, E_GUEST_ROLE, c->user);
	error = store_put(o->b->store, &r);
	return error ? error : join_groups(o, r.num, c->groups);
}

/* --- taking out what is tied to something --- */

int order_drop_sources(struct order *o, enum member_kind kind, int64_t num)
{
	struct broker *b = o->b;
	char(*products)[LIMIT_ID + 1] = NULL;
	size_t n = 0;
	struct record membership = {.kind = RECORD_MEMBERSHIP,
				    .u.membership = {.kind = (int64_t)kind, .member = num}};
	struct record assignment = {.kind = RECORD_ASSIGNMENT,
				    .u.assignment = {.kind = (int64_t)kind, .subject = num}};
	int error = seats_products(b, kind, num, &products, &n);
	if (!error)
		error = store_drop_like(b->store, &membership, BY(membership, kind) | BY(membership, member));
	if (!error)
		error = store_drop_like(b->store, &assignment,
					BY(assignment, kind) | BY(assignment, subject));
	for (size_t i = 0; i < n && !error && kind != MEMBER_GROUP; i++)
		error = seats_settle(b, o->now, (struct holder){kind, num}, products[i], false, NULL);
	free(products);
	return error;
}

static int release_one(struct order *o, const struct row *row, void *context)
{
	(void)context;
	if (row->u.activation.holding.state != HOLDING_ACTIVE)
		return 0;
	return broker_release(o->b, o->now, o->job->actor, "activation.released", row);
}

int people_user_remove(struct order *o)
{
	int64_t user;
	int error = order_person(o, o->c->user, &user);
	if (error || !user)
		return error;
	struct record signin = {.kind = RECORD_SIGNIN, .u.signin.user = user};
	struct record binding = {.kind = RECORD_BINDING, .u.binding.user = user};
	error = order_drop_sources(o, MEMBER_USER, user);
	if (!error)
		error = order_activations(o, 0, user, release_one, NULL);
	if (!error)
		error = store_drop_like(o->b->store, &signin, BY(signin, user));
	if (!error)
		error = store_drop_like(o->b->store, &binding, BY(binding, user));
	return error ? error : store_drop(o->b->store, RECORD_USER, user);
}

/* A new code makes the last one void; it is shown this once and kept as a keyed hash (DESIGN 3, User). */
int people_signin_code(struct order *o)
{
	uint8_t hash[KEYCODE_HASH];
	int64_t user;
	int error = order_user(o, o->c->user, &user);
	if (error || !user)
		return error;
	order_code(o, KEYCODE_CODE, hash);
	o->c->until = o->now + DAY_SECONDS;
	struct record r = {.kind = RECORD_SIGNIN,
			   .u.signin = {.user = user, .hash = {hash, sizeof(hash)}, .made = o->now}};
	error = store_find_num(o->b->store, &r, BY(signin, user), &r.num);
	return error ? error : store_put(o->b->store, &r);
}

/* --- groups --- */

static enum circle_kind circle_kind(const struct change *c)
{
	return c->devices ? CIRCLE_DEVICES : CIRCLE_USERS;
}

int people_group_add(struct order *o)
{
	struct change *c = o->c;
	struct record_copy old;
	struct record r = {.kind = RECORD_CIRCLE,
			   .u.circle = {.kind = (int64_t)circle_kind(c),
					.name = c->group,
					.pattern = c->pattern ? c->pattern : "",
					.created = o->now}};
	if (!slug_ok(c->group))
		return order_refuse(c, E_BAD_REQUEST,
				    "group: a-z, 0-9, '-', '.', '_', beginning with a letter or digit");
	/* The stores agree on * and ?, and no hostname has what else a pattern may hold. */
	if (c->pattern && (!c->devices || strlen(c->pattern) > LIMIT_HOSTNAME || strpbrk(c->pattern, "[]\\")))
		return order_refuse(c, E_BAD_REQUEST,
				    "pattern: of hostnames, with * and ?, for groups of devices");
	int error = store_find(o->b->store, &r, BY(circle, kind) | BY(circle, name), &old);
	if (error && error != E_NOT_FOUND)
		return error;
	if (!error) {
		r.num = old.record.num;
		r.u.circle.created = old.record.u.circle.created;
		if (!c->pattern)
			r.u.circle.pattern = old.record.u.circle.pattern;
	}
	return store_put(o->b->store, &r);
}

static int drop_circle(struct order *o, int64_t circle)
{
	struct record inside = {.kind = RECORD_MEMBERSHIP, .u.membership.circle = circle};
	struct record keys = {.kind = RECORD_ENROLKEY, .u.enrolkey.circle = circle};
	int error = order_drop_sources(o, MEMBER_GROUP, circle);
	if (!error)
		error = store_drop_like(o->b->store, &inside, BY(membership, circle));
	if (!error)
		error = store_drop_like(o->b->store, &keys, BY(enrolkey, circle));
	return error ? error : store_drop(o->b->store, RECORD_CIRCLE, circle);
}

int people_group_remove(struct order *o)
{
	struct holder *holders = NULL;
	char(*products)[LIMIT_ID + 1] = NULL;
	size_t n = 0;
	size_t n_products = 0;
	int64_t circle;
	int64_t lost = 0;
	int error = order_circle(o, circle_kind(o->c), o->c->group, &circle);
	if (error || !circle)
		return error;
	error = seats_holders(o->b, circle, &holders, &n);
	if (!error)
		error = seats_products(o->b, MEMBER_GROUP, circle, &products, &n_products);
	if (!error)
		error = drop_circle(o, circle);
	if (!error)
		error = seats_settle_all(o->b, o->now, holders, n, products, n_products);
	free(holders);
	free(products);
	for (size_t i = 0; i < o->b->round.n; i++)
		lost += o->b->round.effects[i].lost;
	if (error || !lost || o->c->force || o->job->orders->confirm || o->job->orders->dry_run)
		return error;
	o->c->numbers.used = lost;
	return order_refuse(o->c, E_GROUP_IN_USE, o->c->group);
}

/* --- members --- */

/* Who is to come in or go out. *ret_num 0: refused. */
static int find_member(struct order *o, bool make, struct holder *ret)
{
	struct change *c = o->c;
	struct order_device device = {0};
	int error = 0;
	*ret = (struct holder){.kind = c->user ? MEMBER_USER : c->device ? MEMBER_DEVICE : MEMBER_GROUP};
	if ((c->user && c->devices) || (c->device && !c->devices))
		return order_refuse(c, E_BAD_REQUEST,
				    "users are members of groups, devices of device groups");
	if (c->user)
		return order_person(o, c->user, &ret->num);
	if (c->device && !(error = order_device(o, c->device, make, &device)))
		ret->num = device.num;
	else if (c->member)
		error = order_circle(o, circle_kind(c), c->member, &ret->num);
	return error;
}

/* Groups above one, each once. */
struct ancestors {
	int64_t *all;
	size_t n;
};

static int take_ancestor(const struct row *row, void *context)
{
	struct ancestors *a = context;
	int64_t circle = row->u.record.u.membership.circle;
	for (size_t i = 0; i < a->n; i++)
		if (a->all[i] == circle)
			return 0;
	int64_t *more = realloc(a->all, (a->n + 1) * sizeof(*more));
	if (!more)
		return E_NO_MEMORY;
	a->all = more;
	a->all[a->n++] = circle;
	return 0;
}

/* Upwards from the group: whoever is met must not become its member. */
static int check_cycle(struct order *o, int64_t circle, int64_t member)
{
	struct record like = {.kind = RECORD_MEMBERSHIP, .u.membership.kind = MEMBER_GROUP};
	struct listing l = {
		.kind = LIST_RECORD, .like = &like, .by = BY(membership, kind) | BY(membership, member)};
	struct ancestors a = {0};
	bool cycle = circle == member;
	int error = 0;
	for (size_t i = 0; i <= a.n && !error && !cycle; i++) {
		like.u.membership.member = i ? a.all[i - 1] : circle;
		error = store_page(o->b->store, &l, take_ancestor, &a);
		for (size_t j = 0; j < a.n; j++)
			cycle |= a.all[j] == member;
	}
	free(a.all);
	return error || !cycle ? error : order_refuse(o->c, E_GROUP_CYCLE, o->c->member);
}

/* Both ends of a membership; member->num 0: refused. */
static int find_ends(struct order *o, bool make, int64_t *ret_circle, struct holder *ret_member)
{
	*ret_member = (struct holder){0};
	int error = order_circle(o, circle_kind(o->c), o->c->group, ret_circle);
	return error || !*ret_circle ? error : find_member(o, make, ret_member);
}

int people_member_add(struct order *o)
{
	struct holder member;
	int64_t circle;
	bool added = false;
	int error = find_ends(o, true, &circle, &member);
	if (error || !member.num || o->c->code)
		return error;
	if (member.kind == MEMBER_GROUP)
		error = check_cycle(o, circle, member.num);
	if (error || o->c->code)
		return error;
	error = put_membership(o, member.kind, member.num, circle, &added);
	return error || !added ? error : seats_settle_member(o->b, o->now, member, circle);
}

int people_member_remove(struct order *o)
{
	struct holder member;
	int64_t found;
	int64_t circle;
	int error = find_ends(o, false, &circle, &member);
	if (error || !member.num || o->c->code)
		return error;
	struct record like = {
		.kind = RECORD_MEMBERSHIP,
		.u.membership = {.kind = (int64_t)member.kind, .member = member.num, .circle = circle}};
	error = store_find_num(o->b->store, &like, MEMBERSHIP, &found);
	if (!error && !found)
		return order_refuse(o->c, E_NOT_FOUND, "it is no direct member of the group");
	if (!error)
		error = store_drop(o->b->store, RECORD_MEMBERSHIP, found);
	return error ? error : seats_settle_member(o->b, o->now, member, circle);
}

/* A pattern only proposes; this is the administrator's yes (DESIGN 15). */
int people_proposal_confirm(struct order *o)
{
	o->c->devices = true;
	return people_member_add(o);
}
