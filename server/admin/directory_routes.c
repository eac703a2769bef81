/* SPDX-License-Identifier: Apache-2.0 */
/* Users, groups, assignments, and the seats that follow from them. */
#include <microhttpd.h>
#include <string.h>

#include "directory.h"
#include "error.h"
#include "page.h"

#define MEMBERS_SHOWN 10000

static bool wants_name(const struct page *, const struct row *);

/* A listing of records like this one, and with a name like that (NULL: any); a wrong page is answered. */
static void list_records(struct exchange *x, const struct record *like, uint32_t by, const char *name,
			 row_function *add)
{
	struct listing l = {.kind = LIST_RECORD, .like = like, .by = by};
	if (exchange_page(x, &l))
		exchange_problem(x, E_BAD_REQUEST, PAGE_WRONG);
	else if (name)
		page_reply_filtered(x, &l, add, wants_name, name);
	else
		page_reply(x, &l, add);
}

/* --- users --- */

static json_t *user_row(const struct record *r)
{
	json_t *item = json_object();
	json_set_text(item, "user", r->u.user.name);
	json_set_text(item, "name", r->u.user.display);
	json_object_set_new(item, "guest", json_boolean(r->u.user.guest));
	json_set_time(item, "created", r->u.user.created);
	return item;
}

static int add_user(const struct row *row, void *context)
{
	struct page *p = context;
	if (!page_take(p, row))
		return 1;
	json_array_append_new(p->items, user_row(&row->u.record));
	return 0;
}

/* A name like ?user= or ?group=. */
static bool wants_name(const struct page *p, const struct row *row)
{
	const char *name =
		row->u.record.kind == RECORD_USER ? row->u.record.u.user.name : row->u.record.u.circle.name;
	return glob_fits(p->context, name);
}

void user_list(struct exchange *x)
{
	const char *guest = exchange_query(x, "guest");
	struct record like = {.kind = RECORD_USER, .u.user.guest = guest && *guest == 't'};
	list_records(x, &like, guest ? BY(user, guest) : 0, exchange_query(x, "user"), add_user);
}

/* What goes into the page of one user or group, gathered row by row. */
struct profile {
	struct exchange *x;
	const struct catalog *catalog;
	json_t *item;
};

static void profile_reply(struct profile *p, int error)
{
	if (error) {
		json_decref(p->item);
		exchange_problem(p->x, error, p->x->id);
		return;
	}
	json_set_number(p->item, "schema", 1);
	exchange_json(p->x, MHD_HTTP_OK, p->item);
}

static int add_group(const struct row *row, void *context)
{
	struct profile *p = context;
	char name[DIRECTORY_NAME];
	json_t *item = json_object();
	json_set_text(item, "group",
		      directory_name(p->x, MEMBER_GROUP, row->u.record.u.membership.circle, name));
	json_array_append_new(json_object_get(p->item, "groups"), item);
	return 0;
}

static int add_device(const struct row *row, void *context)
{
	struct profile *p = context;
	struct catalog_grant g;
	char id[DEVICE_ID_TEXT];
	json_t *item = json_object();
	bool known = catalog_grant(p->catalog, row->u.activation.grant, &g);
	device_id_write(row->u.activation.id, id);
	json_set_text(item, "device", id);
	json_set_text(item, "hostname", row->u.activation.hostname);
	json_object_set_new(item, "shared", json_boolean(row->u.activation.shared));
	json_set_text(item, "product", known ? g.grant->product : NULL);
	json_set_text(item, "state", row->u.activation.state);
	json_set_time(item, "contacted", row->u.activation.holding.contacted);
	json_set_time(item, "expires", row->u.activation.holding.expires);
	json_array_append_new(json_object_get(p->item, "devices"), item);
	return 0;
}

static int add_bound_device(const struct row *row, void *context)
{
	char id[DEVICE_ID_TEXT];
	device_id_write(row->u.device.id, id);
	json_set_text(context, "device", id);
	json_set_text(context, "hostname", row->u.device.hostname);
	return 1;
}

static int add_binding(const struct row *row, void *context)
{
	struct profile *p = context;
	json_t *item = json_object();
	struct listing device = {
		.kind = LIST_DEVICE, .device = row->u.record.u.binding.device, .limit = 1, .now = p->x->now};
	int error = store_page(p->x->admin->reader, &device, add_bound_device, item);
	if (error < 0) {
		json_decref(item);
		return error;
	}
	json_set_time(item, "since", row->u.record.u.binding.at);
	json_array_append_new(json_object_get(p->item, "bound"), item);
	return 0;
}

static int gather_profile(struct profile *p, int64_t user)
{
	struct store *reader = p->x->admin->reader;
	struct record_copy found;
	struct record member = {.kind = RECORD_MEMBERSHIP,
				.u.membership = {.kind = MEMBER_USER, .member = user}};
	struct record binding = {.kind = RECORD_BINDING, .u.binding.user = user};
	struct listing groups = {
		.kind = LIST_RECORD, .like = &member, .by = BY(membership, kind) | BY(membership, member)};
	struct listing devices = {.kind = LIST_USER_DEVICES, .user = user, .now = p->x->now};
	struct listing bound = {.kind = LIST_RECORD, .like = &binding, .by = BY(binding, user)};
	json_t *rights = NULL;
	int error = store_get(reader, RECORD_USER, user, &found);
	if (error)
		return error;
	p->item = user_row(&found.record);
	json_object_set_new(p->item, "groups", json_array());
	json_object_set_new(p->item, "devices", json_array());
	json_object_set_new(p->item, "bound", json_array());
	error = store_page(reader, &groups, add_group, p);
	if (!error)
		error = directory_rights(p->x, p->catalog, MEMBER_USER, user, &rights);
	if (!error)
		json_object_set_new(p->item, "rights", rights);
	if (!error)
		error = store_page(reader, &devices, add_device, p);
	return error ? error : store_page(reader, &bound, add_binding, p);
}

void user_show(struct exchange *x)
{
	struct profile p = {.x = x};
	int64_t user = 0;
	int error = exchange_user(x, x->id, &user);
	if (!error)
		error = exchange_catalog(x, &p.catalog);
	if (!error)
		error = gather_profile(&p, user);
	profile_reply(&p, error);
}

/* --- groups --- */

static const char *circle_kind_name(int64_t kind)
{
	return kind == CIRCLE_DEVICES ? "devices" : "users";
}

static json_t *group_row(const struct record *r)
{
	json_t *item = json_object();
	json_set_text(item, "group", r->u.circle.name);
	json_set_text(item, "kind", circle_kind_name(r->u.circle.kind));
	json_set_text(item, "pattern", *r->u.circle.pattern ? r->u.circle.pattern : NULL);
	json_set_time(item, "created", r->u.circle.created);
	return item;
}

static int add_circle(const struct row *row, void *context)
{
	struct page *p = context;
	struct record member = {.kind = RECORD_MEMBERSHIP, .u.membership.circle = row->u.record.num};
	int64_t n = 0;
	if (!page_take(p, row))
		return 1;
	json_t *item = group_row(&row->u.record);
	int error = store_count(p->x->admin->reader, &member, BY(membership, circle), &n);
	json_set_number(item, "members", n);
	json_array_append_new(p->items, item);
	return error;
}

/* ?kind=users or devices; false: not given. */
static bool read_kind(struct exchange *x, enum circle_kind *ret)
{
	const char *kind = exchange_query(x, "kind");
	*ret = kind && *kind == 'd' ? CIRCLE_DEVICES : CIRCLE_USERS;
	return kind != NULL;
}

void group_list(struct exchange *x)
{
	enum circle_kind kind;
	bool given = read_kind(x, &kind);
	struct record like = {.kind = RECORD_CIRCLE, .u.circle.kind = (int64_t)kind};
	list_records(x, &like, given ? BY(circle, kind) : 0, exchange_query(x, "group"), add_circle);
}

static int add_member(const struct row *row, void *context)
{
	static const char *const kinds[] = {"user", "device", "group"};
	struct profile *p = context;
	const struct record_membership *m = &row->u.record.u.membership;
	char name[DIRECTORY_NAME];
	json_t *item = json_object();
	json_set_text(item, "kind", kinds[m->kind]);
	json_set_text(item, "member", directory_name(p->x, (enum member_kind)m->kind, m->member, name));
	json_array_append_new(json_object_get(p->item, "members"), item);
	return 0;
}

static int add_group_assignment(const struct row *row, void *context)
{
	struct profile *p = context;
	const struct record_assignment *a = &row->u.record.u.assignment;
	json_t *item = json_object();
	json_set_text(item, "product", a->product);
	json_set_text(item, "grant", directory_grant(p->catalog, a->entitlement));
	json_object_set_new(item, "plans", directory_list(a->plans));
	json_set_time(item, "at", a->at);
	json_array_append_new(json_object_get(p->item, "assignments"), item);
	return 0;
}

static int gather_group(struct profile *p, int64_t circle)
{
	struct store *reader = p->x->admin->reader;
	struct record_copy found;
	struct record member = {.kind = RECORD_MEMBERSHIP, .u.membership.circle = circle};
	struct record source = {.kind = RECORD_ASSIGNMENT,
				.u.assignment = {.kind = MEMBER_GROUP, .subject = circle}};
	struct listing members = {
		.kind = LIST_RECORD, .like = &member, .by = BY(membership, circle), .limit = MEMBERS_SHOWN};
	struct listing sources = {
		.kind = LIST_RECORD, .like = &source, .by = BY(assignment, kind) | BY(assignment, subject)};
	int error = store_get(reader, RECORD_CIRCLE, circle, &found);
	if (error)
		return error;
	p->item = group_row(&found.record);
	json_object_set_new(p->item, "members", json_array());
	json_object_set_new(p->item, "assignments", json_array());
	error = store_page(reader, &members, add_member, p);
	return error ? error : store_page(reader, &sources, add_group_assignment, p);
}

void group_show(struct exchange *x)
{
	struct profile p = {.x = x};
	enum circle_kind kind;
	bool given = read_kind(x, &kind);
	int64_t circle = 0;
	int error = exchange_circle(x, kind, x->id, &circle);
	if (error == E_NOT_FOUND && !given)
		error = exchange_circle(x, CIRCLE_DEVICES, x->id, &circle);
	if (!error)
		error = exchange_catalog(x, &p.catalog);
	if (!error)
		error = gather_group(&p, circle);
	profile_reply(&p, error);
}

/* --- assignments --- */

/* What an assignment's subject is, group of devices told from group of users. */
static const char *subject_kind(struct exchange *x, const struct record_assignment *a, char *name)
{
	int64_t num;
	directory_name(x, (enum member_kind)a->kind, a->subject, name);
	if (a->kind == MEMBER_USER)
		return "user";
	if (a->kind == MEMBER_DEVICE)
		return "device";
	return exchange_circle(x, CIRCLE_USERS, name, &num) == 0 && num == a->subject ? "group"
										      : "device_group";
}

static int add_assignment(const struct row *row, void *context)
{
	struct page *p = context;
	const struct record_assignment *a = &row->u.record.u.assignment;
	char name[DIRECTORY_NAME];
	json_t *item = json_object();
	if (!page_take(p, row)) {
		json_decref(item);
		return 1;
	}
	json_set_text(item, "product", a->product);
	json_set_text(item, "kind", subject_kind(p->x, a, name));
	json_set_text(item, "subject", name);
	json_object_set_new(item, "plans", directory_list(a->plans));
	json_set_text(item, "grant", directory_grant(p->catalog, a->entitlement));
	json_set_time(item, "at", a->at);
	json_array_append_new(p->items, item);
	return 0;
}

/* Whom an assignment may name. */
static const struct subject {
	const char *kind;
	enum member_kind member;
	enum circle_kind circle;
} subjects[] = {{"user", MEMBER_USER, CIRCLE_USERS},
		{"device", MEMBER_DEVICE, CIRCLE_USERS},
		{"group", MEMBER_GROUP, CIRCLE_USERS},
		{"device_group", MEMBER_GROUP, CIRCLE_DEVICES}};

#define SUBJECTS (sizeof(subjects) / sizeof(subjects[0]))

/* Who is meant, by a kind or by the name alone: the first that there is. */
static int find_subject(struct exchange *x, const char *kind, const char *name, enum member_kind *ret_kind,
			int64_t *ret_num)
{
	const char *ignored = NULL;
	int error = E_NOT_FOUND;
	for (size_t i = 0; i < SUBJECTS && error == E_NOT_FOUND; i++) {
		if (kind && strcmp(kind, subjects[i].kind) != 0)
			continue;
		*ret_kind = subjects[i].member;
		if (subjects[i].member == MEMBER_USER)
			error = exchange_user(x, name, ret_num);
		else if (subjects[i].member == MEMBER_GROUP)
			error = exchange_circle(x, subjects[i].circle, name, ret_num);
		else
			error = exchange_device(x, name, NULL, ret_num, &ignored);
		/* What cannot be a device's id may be a group's name. */
		if (error == E_BAD_REQUEST && !kind)
			error = E_NOT_FOUND;
	}
	return error;
}

/* Kinds are not told apart by a field alone. */
static bool wants_kind(const struct page *p, const struct row *row)
{
	char name[DIRECTORY_NAME];
	return strcmp(subject_kind(p->x, &row->u.record.u.assignment, name), p->context) == 0;
}

void assignment_list(struct exchange *x)
{
	const char *product = exchange_query(x, "product");
	const char *subject = exchange_query(x, "subject");
	const char *kind = exchange_query(x, "kind");
	struct record like = {.kind = RECORD_ASSIGNMENT, .u.assignment.product = product ? product : ""};
	struct listing l = {.kind = LIST_RECORD, .like = &like, .by = product ? BY(assignment, product) : 0};
	enum member_kind member;
	int error = subject ? find_subject(x, kind, subject, &member, &like.u.assignment.subject) : 0;
	if (error) {
		exchange_problem(x, error, subject);
		return;
	}
	if (subject) {
		like.u.assignment.kind = (int64_t)member;
		l.by |= BY(assignment, kind) | BY(assignment, subject);
	}
	if (exchange_page(x, &l))
		exchange_problem(x, E_BAD_REQUEST, PAGE_WRONG);
	else if (kind)
		page_reply_filtered(x, &l, add_assignment, wants_kind, kind);
	else
		page_reply(x, &l, add_assignment);
}

/* --- seats --- */

/* The state is not a field. */
static bool wants_state(const struct page *p, const struct row *row)
{
	const struct record_seat *seat = &row->u.record.u.seat;
	return strcmp(p->context, !seat->entitlement ? "waiting" : seat->code ? "conflict" : "held") == 0;
}

static int add_seat(const struct row *row, void *context)
{
	struct page *p = context;
	const struct record_seat *seat = &row->u.record.u.seat;
	char name[DIRECTORY_NAME];
	if (!page_take(p, row))
		return 1;
	json_t *item = directory_seat(p->catalog, seat);
	json_set_text(item, "kind", seat->kind == MEMBER_USER ? "user" : "device");
	json_set_text(item, "holder", directory_name(p->x, (enum member_kind)seat->kind, seat->holder, name));
	json_array_append_new(p->items, item);
	return 0;
}

/* ?holder= and ?grant= as fields of the example; the name that does not exist is told. */
static int read_seat_filters(struct exchange *x, struct record_seat *seat, uint32_t *ret_by,
			     const char **ret_name)
{
	const char *holder = exchange_query(x, "holder");
	const char *grant = exchange_query(x, "grant");
	enum member_kind kind;
	int error = 0;
	*ret_name = holder;
	if (holder && (error = find_subject(x, NULL, holder, &kind, &seat->holder)) == 0) {
		seat->kind = (int64_t)kind;
		*ret_by |= BY(seat, kind) | BY(seat, holder);
	}
	if (error || !grant)
		return error;
	*ret_name = grant;
	*ret_by |= BY(seat, entitlement);
	return exchange_grant(x, grant, &seat->entitlement);
}

void seat_list(struct exchange *x)
{
	const char *product = exchange_query(x, "product");
	const char *state = exchange_query(x, "state");
	const char *name = NULL;
	struct record like = {.kind = RECORD_SEAT, .u.seat.product = product ? product : ""};
	struct listing l = {.kind = LIST_RECORD, .like = &like, .by = product ? BY(seat, product) : 0};
	int error = read_seat_filters(x, &like.u.seat, &l.by, &name);
	if (error)
		exchange_problem(x, error, name);
	else if (exchange_page(x, &l))
		exchange_problem(x, E_BAD_REQUEST, PAGE_WRONG);
	else if (state)
		page_reply_filtered(x, &l, add_seat, wants_state, state);
	else
		page_reply(x, &l, add_seat);
}

/* --- what waits for an administrator --- */

static int add_proposal(const struct row *row, void *context)
{
	struct page *p = context;
	char id[DEVICE_ID_TEXT];
	if (!page_take(p, row))
		return 1;
	json_t *item = json_object();
	device_id_write(row->u.proposal.id, id);
	json_set_text(item, "device", id);
	json_set_text(item, "hostname", row->u.proposal.hostname);
	json_set_text(item, "group", row->u.proposal.group);
	json_set_text(item, "pattern", row->u.proposal.pattern);
	json_array_append_new(p->items, item);
	return 0;
}

/* A device that is proposed for no group is a row, too. */
static bool wants_proposal(const struct page *p, const struct row *row)
{
	(void)p;
	return row->u.proposal.circle != 0;
}

void proposal_list(struct exchange *x)
{
	struct listing l = {.kind = LIST_PROPOSALS};
	if (exchange_page(x, &l))
		exchange_problem(x, E_BAD_REQUEST, PAGE_WRONG);
	else
		page_reply_filtered(x, &l, add_proposal, wants_proposal, NULL);
}

static int add_enrol_key(const struct row *row, void *context)
{
	struct page *p = context;
	const struct record_enrolkey *k = &row->u.record.u.enrolkey;
	char name[DIRECTORY_NAME];
	if (!page_take(p, row))
		return 1;
	json_t *item = json_object();
	json_set_number(item, "id", row->u.record.num);
	json_set_text(item, "group", directory_name(p->x, MEMBER_GROUP, k->circle, name));
	json_object_set_new(item, "uses", k->uses ? json_integer(k->uses) : json_null());
	json_set_number(item, "used", k->used);
	json_set_time(item, "until", k->until);
	json_array_append_new(p->items, item);
	return 0;
}

void enrol_key_list(struct exchange *x)
{
	struct record like = {.kind = RECORD_ENROLKEY};
	list_records(x, &like, 0, NULL, add_enrol_key);
}
