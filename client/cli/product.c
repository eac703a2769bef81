/* SPDX-License-Identifier: Apache-2.0 */
/* What a product is on this machine, in words and as JSON. Dates are those of UTC. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"

#define DAY 86400

/* "2027-05-22 (180 days)", "2026-11-20 (3 days ago)". */
static void print_when(long long when)
{
	char day[TIME_TEXT];
	long long away = when - (long long)time(NULL);
	long long days = (llabs(away) + DAY / 2) / DAY;
	printf("%s (", print_day(when, day));
	if (days == 0)
		printf("%s", away < 0 ? "just now" : "today");
	else
		printf("%lld day%s%s", days, days == 1 ? "" : "s", away < 0 ? " ago" : "");
	printf(")");
}

static bool is_state(const struct muster_status *s, int i, const char *state)
{
	return strcmp(muster_status_state(s, i), state) == 0;
}

static bool is_licensed(const struct muster_status *s, int i)
{
	return is_state(s, i, "licensed") || is_state(s, i, "overdue");
}

/* --- one line --- */

static void print_state(const struct muster_status *s, int i)
{
	long long expires = muster_status_expires(s, i);
	if (is_licensed(s, i)) {
		printf(expires ? "licensed until " : "licensed, perpetual");
		if (expires)
			print_when(expires);
		if (is_state(s, i, "overdue"))
			printf(", but its renewal is overdue");
		return;
	}
	printf("%s", muster_status_state(s, i));
	if (is_state(s, i, "grace")) {
		printf(" until ");
		print_when(muster_status_grace_ends(s, i));
	} else if (expires && !is_state(s, i, "tampered")) {
		printf(" since ");
		print_when(expires);
	}
}

static void print_line(const struct muster_status *s, int i)
{
	printf("%s: ", muster_status_product(s, i));
	print_state(s, i);
	if (*muster_status_user(s, i))
		printf(", for %s", muster_status_user(s, i));
	if (*muster_status_host(s, i) && *muster_status_model(s, i))
		printf(", by %s", muster_status_host(s, i));
}

void print_product(const struct muster_status *s, int i)
{
	const struct refused from = {.s = s, .index = i};
	print_line(s, i);
	if (muster_status_error_number(s, i)) {
		printf("; %s: %s", muster_status_error_name(s, i), muster_status_error_text(s, i));
		print_numbers(stdout, &from);
	}
	putchar('\n');
}

/* --- and all of it --- */

static void print_holder(const struct muster_status *s, int i)
{
	static const struct {
		const char *model;
		const char *words;
	} rows[] = {
		{"volume", "this device, by the organisation's volume license"},
		{"pool", "this device, which has a place in a pool"},
		{"device", "this device, which has a seat of its own"},
		{"user", "the user"},
		{"shared", "the user, on this shared device"},
	};
	const char *user = muster_status_user(s, i);
	for (size_t j = 0; j < sizeof(rows) / sizeof(rows[0]); j++)
		if (strcmp(rows[j].model, muster_status_model(s, i)) == 0)
			printf("  holder: %s%s%s\n", rows[j].words, *user ? ": " : "", user);
	if (*user && !*muster_status_model(s, i))
		printf("  holder: nobody yet; %s is signed in\n", user);
}

/* What happens at the end, or has. */
static void print_end(const struct muster_status *s, int i)
{
	bool reduced = strcmp(muster_status_on_expiry(s, i), "reduced") == 0;
	if (is_state(s, i, "grace"))
		puts("  then: unlicensed, unless it is activated before");
	else if (is_licensed(s, i) && muster_status_expires(s, i))
		printf("  then: %s\n", reduced ? "it does less, as its vendor has chosen"
					       : "it shows notices and loses nothing");
	else if (is_state(s, i, "expired"))
		puts("  now: it shows notices and loses nothing");
	else if (is_state(s, i, "reduced"))
		puts("  now: it does less, as its vendor has chosen");
}

static void print_renewal(const struct muster_status *s, int i)
{
	char day[TIME_TEXT];
	long long after = muster_status_renew_after(s, i);
	if (after && is_licensed(s, i))
		printf("  renewal: %s %s\n", is_state(s, i, "overdue") ? "was due on" : "from",
		       print_day(after, day));
	else if (is_licensed(s, i) && !muster_status_expires(s, i))
		puts("  renewal: never needed");
}

static void print_notice(const struct muster_status *s, int i)
{
	int days = muster_status_notice(s, i);
	if (days)
		printf("  notice: it ends within %d day%s, and no renewal has come\n", days,
		       days == 1 ? "" : "s");
	else if (is_state(s, i, "grace") && muster_status_prompt(s, i))
		puts("  notice: its grace is about to end; activate it");
}

static void print_plans(const struct muster_status *s, int i)
{
	int n = muster_status_plans(s, i);
	for (int j = 0; j < n; j++)
		printf("%s%s", j ? ", " : "  plans: ", muster_status_plan(s, i, j));
	if (n)
		putchar('\n');
}

static void print_reason(const struct muster_status *s, int i)
{
	const struct refused from = {.s = s, .index = i};
	const char *detail = muster_status_error_detail(s, i);
	if (!muster_status_error_number(s, i))
		return;
	printf("  why: %s: %s", muster_status_error_name(s, i), muster_status_error_text(s, i));
	print_numbers(stdout, &from);
	printf("%s%s\n", *detail ? ": " : "", detail);
	if (*muster_status_error_correlation(s, i))
		printf("  reference: %s\n", muster_status_error_correlation(s, i));
	printf("  remedy: %s\n", muster_status_error_remedy(s, i));
}

void print_whole_product(const struct muster_status *s, int i)
{
	print_line(s, i);
	putchar('\n');
	print_holder(s, i);
	print_plans(s, i);
	print_end(s, i);
	print_renewal(s, i);
	print_notice(s, i);
	print_reason(s, i);
}

/* --- JSON --- */

static json_t *text_or_null(const char *text)
{
	return *text ? json_string(text) : json_null();
}

static json_t *time_or_null(long long time)
{
	char text[TIME_TEXT];
	return time ? json_string(print_time(time, text)) : json_null();
}

static json_t *integer_or_null(long long value)
{
	return value ? json_integer(value) : json_null();
}

static json_t *last_error_json(const struct muster_status *s, int i)
{
	const struct refused from = {.s = s, .index = i};
	if (!muster_status_error_number(s, i))
		return json_null();
	json_t *error = json_object();
	json_object_set_new(error, "code", json_string(muster_status_error_name(s, i)));
	json_object_set_new(error, "text", json_string(muster_status_error_text(s, i)));
	json_object_set_new(error, "remedy", json_string(muster_status_error_remedy(s, i)));
	json_object_set_new(error, "detail", json_string(muster_status_error_detail(s, i)));
	if (*muster_status_error_correlation(s, i))
		json_object_set_new(error, "correlation", json_string(muster_status_error_correlation(s, i)));
	json_object_set_new(error, "numbers", print_numbers_json(&from));
	return error;
}

json_t *print_product_json(const struct muster_status *s, int i)
{
	json_t *object = json_object();
	json_t *plans = json_array();
	for (int j = 0; j < muster_status_plans(s, i); j++)
		json_array_append_new(plans, json_string(muster_status_plan(s, i, j)));
	json_object_set_new(object, "product", json_string(muster_status_product(s, i)));
	json_object_set_new(object, "name", text_or_null(muster_status_name(s, i)));
	json_object_set_new(object, "state", json_string(muster_status_state(s, i)));
	json_object_set_new(object, "model", text_or_null(muster_status_model(s, i)));
	json_object_set_new(object, "user", text_or_null(muster_status_user(s, i)));
	json_object_set_new(object, "expires", time_or_null(muster_status_expires(s, i)));
	json_object_set_new(object, "on_expiry", text_or_null(muster_status_on_expiry(s, i)));
	json_object_set_new(object, "renew_after", time_or_null(muster_status_renew_after(s, i)));
	json_object_set_new(object, "grace_ends", time_or_null(muster_status_grace_ends(s, i)));
	json_object_set_new(object, "org", text_or_null(muster_status_org(s, i)));
	json_object_set_new(object, "host", text_or_null(muster_status_host(s, i)));
	json_object_set_new(object, "serial", integer_or_null(muster_status_serial(s, i)));
	json_object_set_new(object, "plans", plans);
	json_object_set_new(object, "count",
			    muster_status_need(s, i)
				    ? json_pack("{s:I, s:I}", "have", (json_int_t)muster_status_have(s, i),
						"need", (json_int_t)muster_status_need(s, i))
				    : json_null());
	json_object_set_new(object, "prompt", json_boolean(muster_status_prompt(s, i)));
	json_object_set_new(object, "notice_days", integer_or_null(muster_status_notice(s, i)));
	json_object_set_new(object, "last_error", last_error_json(s, i));
	return object;
}
