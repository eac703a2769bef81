/* SPDX-License-Identifier: Apache-2.0 */
#include "grant_option.h"

#include <inttypes.h>
#include <string.h>

#include "option.h"
#include "rfc3339.h"

#define VALUE_ROOM 1152 /* all plans of a product */
#define SHOWN 200       /* of the text in an error */
#define MINUTE 60

/* A grant being read. The member `given` of a key says whether it stood in the text. */
struct reading {
	const char *text;
	const struct license *license;
	const struct grant *was; /* NULL: the grant is new */
	struct grant *grant;
	struct failure *failure;
	uint32_t given; /* a bit per row of the table */
};

/* How the value of a key is read, and where it goes. */
struct key {
	const char *name;
	int (*read)(struct reading *, const struct key *, const char *value);
	size_t at;    /* of the member in struct grant */
	int64_t unit; /* of a duration's member, in seconds */
	int64_t min;
	int64_t max;
	const char *form; /* for people */
};

static int read_model(struct reading *, const struct key *, const char *);
static int read_slug(struct reading *, const struct key *, const char *);
static int read_number(struct reading *, const struct key *, const char *);
static int read_wide(struct reading *, const struct key *, const char *);
static int read_duration(struct reading *, const struct key *, const char *);
static int read_lease(struct reading *, const struct key *, const char *);
static int read_overage(struct reading *, const struct key *, const char *);
static int read_on_expiry(struct reading *, const struct key *, const char *);
static int read_enrol(struct reading *, const struct key *, const char *);
static int read_plans(struct reading *, const struct key *, const char *);
static int read_date(struct reading *, const struct key *, const char *);
static int read_overflow(struct reading *, const struct key *, const char *);
static int read_yes_no(struct reading *, const struct key *, const char *);
static int read_user(struct reading *, const struct key *, const char *);

#define IN(member) offsetof(struct grant, member)
#define DAYS(most) 86400, 1, (most)
#define MINUTES 60, LIMIT_INTERVAL_MIN, LIMIT_INTERVAL_MAX

/* clang-format off */
static const struct key keys[] = {
	{"id", read_slug, IN(id), 0, 0, 0,
		"the grant's id; default PRODUCT-MODEL"},
	{"product", read_slug, IN(product), 0, 0, 0,
		"a product's id; needed"},
	{"model", read_model, IN(model), 0, 0, 0,
		"volume, pool, device, user or shared; needed"},
	{"quantity", read_wide, IN(quantity), 0, 1, INT32_MAX,
		"activations, devices or users; needed except for volume"},
	{"threshold", read_number, IN(policy.threshold), 0, 1, LIMIT_THRESHOLD,
		"volume: machines before anyone is activated"},
	{"window", read_duration, IN(policy.window_days), DAYS(LIMIT_WINDOW_DAYS),
		"silence after which a machine is not counted, such as 30d"},
	{"lease", read_lease, IN(policy.lease_days), DAYS(LIMIT_LEASE_DAYS),
		"how long an activation holds, such as 180d; pool: perpetual"},
	{"renew", read_duration, IN(policy.renew_minutes), MINUTES,
		"time between renewals, such as 7d"},
	{"retry", read_duration, IN(policy.retry_minutes), MINUTES,
		"time between tries, such as 2h"},
	{"grace", read_duration, IN(policy.grace_days), 86400, 0, LIMIT_LEASE_DAYS,
		"after the end, and below the threshold, such as 30d"},
	{"devices_per_user", read_number, IN(policy.devices_per_user), 0, 1, 1000,
		"user, shared: devices of one user"},
	{"overage", read_overage, 0, 0, 0, 0,
		"volume beyond its quantity: deny or allow+report"},
	{"on_expiry", read_on_expiry, 0, 0, 0, 0,
		"notice or reduced"},
	{"enrol", read_enrol, 0, 0, 0, 0,
		"unknown devices: open, key or approve"},
	{"plans", read_plans, 0, 0, 0, 0,
		"plans of the product, as a+b; default all"},
	{"from", read_date, IN(nbf), 0, 0, 0,
		"first day; default the license's"},
	{"until", read_date, IN(exp), 0, 0, 0,
		"end; default the license's"},
	{"cancel_until", read_date, IN(cancel_until), 0, 0, 0,
		"end of the time in which the grant may be cancelled"},
	{"overflow", read_overflow, 0, 0, 0, 0,
		"user, shared, a device beyond devices_per_user: deny, or release the one used least recently"},
	{"self_service", read_user, IN(self_service_owner), 0, 0, 0,
		"device, user, shared: the user who bought it; the organisation takes it over before it assigns it"},
	{"recurring", read_yes_no, IN(recurring), 0, 0, 0,
		"yes or no: is it renewed by itself? Shown, nothing more"},
	{"quantity_max", read_wide, IN(quantity_max), 0, 1, INT32_MAX,
		"what product keys may raise the quantity to; default no limit"},
	{"redeem_from_device", read_yes_no, IN(redeem_from_device), 0, 0, 0,
		"yes or no: may devices redeem product keys, or only the organisation's owners"},
};
/* clang-format on */

#define KEYS (sizeof(keys) / sizeof(keys[0]))

void grant_option_help(FILE *to)
{
	fputs("--grant takes key=value pairs with commas between them:\n", to);
	for (size_t i = 0; i < KEYS; i++)
		fprintf(to, "  %-20s%s\n", keys[i].name, keys[i].form);
}

/* --- errors --- */

#define REFUSE(r, format, ...) failure_set((r)->failure, E_USAGE, "--grant: " format, __VA_ARGS__)

static int refuse_value(struct reading *r, const struct key *key, const char *value)
{
	return REFUSE(r, "%s=%.*s is wrong (%s)", key->name, SHOWN, value, key->form);
}

/* --- values --- */

static void *member(struct reading *r, const struct key *key)
{
	return (char *)r->grant + key->at;
}

static int read_slug(struct reading *r, const struct key *key, const char *value)
{
	if (!slug_ok(value))
		return REFUSE(r, "%s='%.*s' is no id: a-z, 0-9, '-', '.', '_', at most %d", key->name, SHOWN,
			      value, LIMIT_ID);
	memcpy(member(r, key), value, strlen(value) + 1);
	return 0;
}

/* The model is read before all other keys, because their defaults follow from it. */
static int read_model(struct reading *r, const struct key *key, const char *value)
{
	return model_read(value, &r->grant->model) ? 0 : refuse_value(r, key, value);
}

static int read_range(struct reading *r, const struct key *key, const char *value, int64_t *ret)
{
	if (value_integer(value, key->min, key->max, ret))
		return 0;
	return REFUSE(r, "%s=%.*s is not a number from %" PRId64 " to %" PRId64, key->name, SHOWN, value,
		      key->min, key->max);
}

static int read_number(struct reading *r, const struct key *key, const char *value)
{
	int64_t number;
	if (read_range(r, key, value, &number))
		return r->failure->code;
	*(uint32_t *)member(r, key) = (uint32_t)number;
	return 0;
}

static int read_wide(struct reading *r, const struct key *key, const char *value)
{
	return read_range(r, key, value, member(r, key));
}

static int read_duration(struct reading *r, const struct key *key, const char *value)
{
	char least[24];
	char most[24];
	int64_t seconds;
	if (duration_read(value, &seconds) == 0 && seconds % key->unit == 0 &&
	    seconds >= key->min * key->unit && seconds <= key->max * key->unit) {
		*(uint32_t *)member(r, key) = (uint32_t)(seconds / key->unit);
		return 0;
	}
	duration_write(key->min * key->unit, least, sizeof(least));
	duration_write(key->max * key->unit, most, sizeof(most));
	return REFUSE(r, "%s=%.*s is not a duration in whole %s from %s to %s", key->name, SHOWN, value,
		      key->unit == MINUTE ? "minutes" : "days", least, most);
}

static int read_lease(struct reading *r, const struct key *key, const char *value)
{
	if (strcmp(value, "perpetual") != 0)
		return read_duration(r, key, value);
	if (r->grant->model != MODEL_POOL)
		return REFUSE(r, "lease=perpetual is for the model pool, not for %s",
			      model_name(r->grant->model));
	r->grant->policy.lease_days = 0;
	return 0;
}

static int read_overage(struct reading *r, const struct key *key, const char *value)
{
	return overage_read(value, &r->grant->policy.overage) ? 0 : refuse_value(r, key, value);
}

static int read_on_expiry(struct reading *r, const struct key *key, const char *value)
{
	return on_expiry_read(value, &r->grant->policy.on_expiry) ? 0 : refuse_value(r, key, value);
}

static int read_enrol(struct reading *r, const struct key *key, const char *value)
{
	return enrol_read(value, &r->grant->policy.enrol) ? 0 : refuse_value(r, key, value);
}

static int read_overflow(struct reading *r, const struct key *key, const char *value)
{
	return overflow_read(value, &r->grant->policy.overflow) ? 0 : refuse_value(r, key, value);
}

static int read_yes_no(struct reading *r, const struct key *key, const char *value)
{
	bool yes = strcmp(value, "yes") == 0;
	if (!yes && strcmp(value, "no") != 0)
		return refuse_value(r, key, value);
	*(bool *)member(r, key) = yes;
	return 0;
}

static int read_user(struct reading *r, const struct key *key, const char *value)
{
	if (!value_is_text(value, LIMIT_USER + 1))
		return REFUSE(r, "%s must be 1 to %d bytes of UTF-8 without control characters", key->name,
			      LIMIT_USER);
	memcpy(member(r, key), value, strlen(value) + 1);
	return 0;
}

static int add_plan(struct reading *r, const struct product *product, const char *plan, size_t n)
{
	struct grant *grant = r->grant;
	char id[LIMIT_ID + 1] = "";
	if (n <= LIMIT_ID)
		memcpy(id, plan, n);
	int index = product_plan(product, id);
	if (index < 0 || grant->n_plans == LIMIT_PLANS)
		return REFUSE(r, "plans: product '%s' has no plan '%.*s'", product->id,
			      (int)(n > SHOWN ? SHOWN : n), plan);
	for (size_t i = 0; i < grant->n_plans; i++)
		if (strcmp(grant->plans[i], id) == 0)
			return REFUSE(r, "plans names '%s' twice", id);
	memcpy(grant->plans[grant->n_plans++], id, sizeof(id));
	return 0;
}

static int read_plans(struct reading *r, const struct key *key, const char *value)
{
	const struct product *product = license_product(r->license, r->grant->product);
	(void)key;
	r->grant->n_plans = 0;
	for (;;) {
		size_t n = strcspn(value, "+");
		if (add_plan(r, product, value, n))
			return r->failure->code;
		if (!value[n])
			return 0;
		value += n + 1;
	}
}

static int read_date(struct reading *r, const struct key *key, const char *value)
{
	if (rfc3339_read_date(value, member(r, key)) == 0)
		return 0;
	return REFUSE(r, "%s=%.*s is no date such as 2030-01-01", key->name, SHOWN, value);
}

/* --- pairs --- */

static const struct key *key_by_name(const char *name, size_t n)
{
	for (size_t i = 0; i < KEYS; i++)
		if (strlen(keys[i].name) == n && memcmp(keys[i].name, name, n) == 0)
			return &keys[i];
	return NULL;
}

/* The next pair at *text, which moves behind it. *ret_key: NULL at the end. */
static int next_pair(struct reading *r, const char **text, const struct key **ret_key, char value[VALUE_ROOM])
{
	const char *at = *text;
	*ret_key = NULL;
	if (!*at)
		return 0;
	size_t n = strcspn(at, "=,");
	const struct key *key = key_by_name(at, n);
	if (!key)
		return REFUSE(r, "'%.*s' is no key ('--grant help' lists them)", (int)(n > SHOWN ? SHOWN : n),
			      at);
	if (at[n] != '=')
		return REFUSE(r, "%s lacks its value", key->name);
	at += n + 1;
	n = strcspn(at, ",");
	if (n == 0 || n >= VALUE_ROOM)
		return REFUSE(r, "%s %s", key->name, n ? "is too long" : "lacks its value");
	memcpy(value, at, n);
	value[n] = 0;
	if (at[n] == ',' && !at[n + 1])
		return REFUSE(r, "nothing follows the comma after %s", key->name);
	*text = at + n + (at[n] == ',');
	*ret_key = key;
	return 0;
}

static bool given(const struct reading *r, const char *name)
{
	return r->given & 1u << (key_by_name(name, strlen(name)) - keys);
}

static int check_pairs(struct reading *r)
{
	static const char *const needed[] = {"product", "model"};
	const char *text = r->text;
	const struct key *key;
	char value[VALUE_ROOM];
	while (!next_pair(r, &text, &key, value) && key) {
		uint32_t bit = 1u << (key - keys);
		if (r->given & bit)
			return REFUSE(r, "%s is given twice", key->name);
		r->given |= bit;
	}
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]) && !r->failure->code; i++)
		if (!r->was && !given(r, needed[i]))
			return REFUSE(r, "%s is missing", needed[i]);
	return r->failure->code;
}

/* Read the pairs whose key is, or is not, one of product and model. */
static int read_pairs(struct reading *r, bool first)
{
	const char *text = r->text;
	const struct key *key;
	char value[VALUE_ROOM];
	while (!next_pair(r, &text, &key, value) && key) {
		bool early = key->read == read_model || key->at == IN(product);
		if (early == first && key->read(r, key, value))
			break;
	}
	return r->failure->code;
}

/* --- what belongs together --- */

static int check_quantity(struct reading *r)
{
	const struct grant *grant = r->grant;
	const char *model = model_name(grant->model);
	bool volume = grant->model == MODEL_VOLUME;
	bool user = model_of_users(grant->model);
	if (!volume && !grant->quantity)
		return REFUSE(r, "quantity is missing: the model %s needs one", model);
	if (!volume && grant->policy.threshold > 1)
		return REFUSE(r, "threshold is for the model volume, not for %s", model);
	if (!volume && given(r, "overage"))
		return REFUSE(r, "overage is for the model volume, not for %s", model);
	if (volume && given(r, "overage") && !grant->quantity)
		return REFUSE(r, "overage needs a %s to exceed", "quantity");
	if (!user && given(r, "devices_per_user"))
		return REFUSE(r, "devices_per_user is for the models user and shared, not for %s", model);
	if (!user && given(r, "overflow"))
		return REFUSE(r, "overflow is for the models user and shared, not for %s", model);
	return 0;
}

static int check_offer(struct reading *r)
{
	const struct grant *grant = r->grant;
	if (!model_seats(grant->model) && given(r, "self_service"))
		return REFUSE(r, "self_service is for the models device, user and shared, not for %s",
			      model_name(grant->model));
	if (grant->quantity_max && !grant->quantity)
		return REFUSE(r, "quantity_max needs a %s to begin with", "quantity");
	if (grant->quantity_max && grant->quantity_max < grant->quantity)
		return REFUSE(r, "quantity=%" PRId64 " is more than quantity_max=%" PRId64, grant->quantity,
			      grant->quantity_max);
	return 0;
}

/* A lease shorter than usual is renewed at half of its length, unless the vendor says when. */
static int check_timers(struct reading *r)
{
	struct grant_policy *policy = &r->grant->policy;
	uint32_t lease_minutes = policy->lease_days * (24 * 60);
	char lease[24];
	char renew[24];
	if (!policy->lease_days)
		return 0;
	if (!given(r, "renew") && (policy->renew_minutes == 0 || policy->renew_minutes >= lease_minutes))
		policy->renew_minutes =
			lease_minutes / 2 < LIMIT_INTERVAL_MAX ? lease_minutes / 2 : LIMIT_INTERVAL_MAX;
	if (policy->renew_minutes < lease_minutes)
		return 0;
	duration_write((int64_t)policy->renew_minutes * MINUTE, renew, sizeof(renew));
	duration_write((int64_t)policy->lease_days * SECONDS_PER_DAY, lease, sizeof(lease));
	return REFUSE(r, "renew=%s is not shorter than lease=%s", renew, lease);
}

static int check_term(struct reading *r)
{
	const struct license *license = r->license;
	const struct grant *grant = r->grant;
	if (grant->exp && grant->exp <= grant->nbf)
		return REFUSE(r, "until is not after %s", given(r, "from") ? "from" : "the license's --from");
	if (grant->exp > license->exp && given(r, "until"))
		return REFUSE(r, "until is after the license's %s", "--until");
	if (grant->nbf < license->nbf)
		return REFUSE(r, "from is before the license's %s", "--from");
	if (grant->nbf >= grant_end(license, grant))
		return REFUSE(r, "from is not before the %s",
			      given(r, "until") ? "until" : "license's --until");
	if (grant->cancel_until &&
	    (grant->cancel_until <= grant->nbf || grant->cancel_until > grant_end(license, grant)))
		return REFUSE(r, "cancel_until lies outside of the grant's %s", "term");
	return 0;
}

/* A plan without the plans that it requires could never be used. */
static int check_requirements(struct reading *r)
{
	const struct grant *grant = r->grant;
	const struct product *product = license_product(r->license, grant->product);
	uint32_t mask = grant_plans(r->license, grant);
	for (size_t i = 0; i < product->n_plans; i++) {
		uint32_t missing = mask & 1u << i ? product->plans[i].requires & ~mask : 0;
		for (size_t j = 0; j < product->n_plans; j++)
			if (missing & 1u << j)
				return REFUSE(r, "plans: '%s' requires '%s'", product->plans[i].id,
					      product->plans[j].id);
	}
	return 0;
}

/* Who holds places of a grant holds them of this product and in this way. */
static int check_same(struct reading *r)
{
	const struct grant *was = r->was;
	if (strcmp(r->grant->product, was->product) == 0 && r->grant->model == was->model)
		return 0;
	REFUSE(r, "grant '%s' is of product '%s' and model %s, and neither can change", was->id, was->product,
	       model_name(was->model));
	return failure_remedy(r->failure, "Give the new grant an id of its own.");
}

static int set_defaults(struct reading *r)
{
	struct grant *grant = r->grant;
	if (r->was)
		return check_same(r);
	if (!license_product(r->license, grant->product))
		return REFUSE(r, "product '%s' is unknown", grant->product);
	int n = snprintf(grant->id, sizeof(grant->id), "%s-%s", grant->product, model_name(grant->model));
	if (n >= (int)sizeof(grant->id) && !given(r, "id"))
		return REFUSE(r, "id is missing, and '%s-%s' is too long for one", grant->product,
			      model_name(grant->model));
	grant->policy = model_policy(grant->model);
	grant->nbf = r->license->nbf;
	return 0;
}

int grant_option_read(const char *text, const struct license *license, const struct grant *was,
		      struct grant *ret, struct failure *f)
{
	struct grant grant = was ? *was : (struct grant){0};
	struct reading reading = {
		.text = text, .license = license, .was = was, .grant = &grant, .failure = f};
	f->code = 0;
	if (check_pairs(&reading) || read_pairs(&reading, true) || set_defaults(&reading) ||
	    read_pairs(&reading, false) || check_quantity(&reading) || check_offer(&reading) ||
	    check_timers(&reading) || check_term(&reading) || check_requirements(&reading))
		return f->code;
	*ret = grant;
	return 0;
}

int grant_option_find(const char *text, const char *key_name, char *out, size_t room, struct failure *f)
{
	struct reading reading = {.text = text, .failure = f};
	const struct key *key;
	char value[VALUE_ROOM];
	f->code = 0;
	while (!next_pair(&reading, &text, &key, value) && key) {
		if (strcmp(key->name, key_name) != 0)
			continue;
		if (strlen(value) >= room)
			return refuse_value(&reading, key, value);
		memcpy(out, value, strlen(value) + 1);
		return 0;
	}
	return f->code ? f->code : REFUSE(&reading, "%s is missing", key_name);
}
