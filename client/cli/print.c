/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"

#define DAY 86400

/* --- times --- */

static char *format_time(long long time, const char *format, char out[TIME_TEXT])
{
	struct tm tm;
	time_t t = (time_t)time;
	if (!gmtime_r(&t, &tm) || strftime(out, TIME_TEXT, format, &tm) == 0)
		out[0] = 0;
	return out;
}

char *print_time(long long time, char out[TIME_TEXT])
{
	return format_time(time, "%Y-%m-%dT%H:%M:%SZ", out);
}

char *print_day(long long time, char out[TIME_TEXT])
{
	return format_time(time, "%Y-%m-%d", out);
}

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

/* --- numbers of a refusal --- */

/* Either the handle's error or a product's last one. */
struct source {
	const struct muster *m;
	const struct muster_status *s;
	int index;
};

static bool value_of(const struct source *from, const char *name, long long *ret)
{
	return from->m ? muster_error_value(from->m, name, ret)
		       : muster_status_error_value(from->s, from->index, name, ret);
}

/* " (24 of 25)" for a count, " (100 of 100 taken)" for places, " (until 2026-12-01)". */
static void print_numbers(FILE *out, const struct source *from)
{
	long long part;
	long long whole;
	char day[TIME_TEXT];
	if (value_of(from, "have", &part) && value_of(from, "need", &whole))
		fprintf(out, " (%lld of %lld)", part, whole);
	if (value_of(from, "used", &part) && value_of(from, "quantity", &whole))
		fprintf(out, " (%lld of %lld taken)", part, whole);
	if (value_of(from, "until", &part))
		fprintf(out, " (until %s)", print_day(part, day));
}

static json_t *numbers_json(const struct source *from)
{
	static const char *const names[] = {"have", "need", "used", "quantity"};
	json_t *numbers = json_object();
	long long value;
	char text[TIME_TEXT];
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (value_of(from, names[i], &value))
			json_object_set_new(numbers, names[i], json_integer(value));
	if (value_of(from, "until", &value))
		json_object_set_new(numbers, "until", json_string(print_time(value, text)));
	return numbers;
}

/* --- errors --- */

void print_json(json_t *document)
{
	json_t *whole = json_pack("{s:i}", "schema", 1);
	json_object_update(whole, document);
	json_dumpf(whole, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(whole);
	json_decref(document);
}

json_t *print_error_json(const struct cli *cli)
{
	const struct source from = {.m = cli->m};
	if (!muster_error_number(cli->m))
		return NULL;
	json_t *error = json_object();
	json_object_set_new(error, "code", json_string(muster_error_name(cli->m)));
	json_object_set_new(error, "text", json_string(muster_error_text(cli->m)));
	json_object_set_new(error, "remedy", json_string(muster_error_remedy(cli->m)));
	json_object_set_new(error, "detail", json_string(muster_error_detail(cli->m)));
	json_object_set_new(error, "numbers", numbers_json(&from));
	if (*muster_error_correlation(cli->m))
		json_object_set_new(error, "correlation", json_string(muster_error_correlation(cli->m)));
	if (muster_error_retry_after(cli->m))
		json_object_set_new(error, "retry_after", json_integer(muster_error_retry_after(cli->m)));
	return error;
}

int print_error(const struct cli *cli)
{
	const struct muster *m = cli->m;
	const struct source from = {.m = m};
	fprintf(stderr, "%s: %s", muster_error_name(m), muster_error_text(m));
	print_numbers(stderr, &from);
	fprintf(stderr, "%s%s\n", *muster_error_detail(m) ? ": " : "", muster_error_detail(m));
	if (*muster_error_correlation(m))
		fprintf(stderr, "reference: %s\n", muster_error_correlation(m));
	fprintf(stderr, "remedy: %s\n", muster_error_remedy(m));
	return muster_error_exit(m);
}

int print_own_error(const struct cli *cli, const char *code, const char *detail)
{
	const char *text = "";
	const char *remedy = "";
	int ending = EXIT_FAILURE;
	muster_explain(code, NULL, &text, &remedy, &ending);
	fprintf(stderr, "%s: %s%s%s\nremedy: %s\n", code, text, *detail ? ": " : "", detail, remedy);
	if (cli->json)
		print_json(json_pack("{s:{s:s, s:s, s:s, s:s, s:{}}}", "error", "code", code, "text", text,
				     "remedy", remedy, "detail", detail, "numbers"));
	return ending;
}

/* --- products --- */

static void print_state(const struct muster_status *s, int i)
{
	const char *state = muster_status_state(s, i);
	long long expires = muster_status_expires(s, i);
	bool overdue = strcmp(state, "overdue") == 0;
	if (overdue || strcmp(state, "licensed") == 0) {
		printf("licensed ");
		if (expires) {
			printf("until ");
			print_when(expires);
		} else {
			printf("for ever");
		}
		printf("%s", overdue ? ", but its renewal is overdue" : "");
		return;
	}
	printf("%s", state);
	if (strcmp(state, "grace") == 0) {
		printf(" until ");
		print_when(muster_status_grace_ends(s, i));
	} else if (expires && strcmp(state, "tampered") != 0) {
		printf(" since ");
		print_when(expires);
	}
}

void print_product(const struct muster_status *s, int i)
{
	const struct source from = {.s = s, .index = i};
	printf("%s: ", muster_status_product(s, i));
	print_state(s, i);
	if (*muster_status_host(s, i) && muster_status_expires(s, i))
		printf(", by %s", muster_status_host(s, i));
	if (muster_status_error_number(s, i)) {
		printf("; %s: %s", muster_status_error_name(s, i), muster_status_error_text(s, i));
		print_numbers(stdout, &from);
	}
	putchar('\n');
}

static json_t *text_or_null(const char *text)
{
	return *text ? json_string(text) : json_null();
}

static json_t *time_or_null(long long time)
{
	char text[TIME_TEXT];
	return time ? json_string(print_time(time, text)) : json_null();
}

static json_t *last_error_json(const struct muster_status *s, int i)
{
	const struct source from = {.s = s, .index = i};
	if (!muster_status_error_number(s, i))
		return json_null();
	json_t *error = json_object();
	json_object_set_new(error, "code", json_string(muster_status_error_name(s, i)));
	json_object_set_new(error, "text", json_string(muster_status_error_text(s, i)));
	json_object_set_new(error, "numbers", numbers_json(&from));
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
	json_object_set_new(object, "expires", time_or_null(muster_status_expires(s, i)));
	json_object_set_new(object, "renew_after", time_or_null(muster_status_renew_after(s, i)));
	json_object_set_new(object, "grace_ends", time_or_null(muster_status_grace_ends(s, i)));
	json_object_set_new(object, "org", text_or_null(muster_status_org(s, i)));
	json_object_set_new(object, "host", text_or_null(muster_status_host(s, i)));
	json_object_set_new(object, "plans", plans);
	json_object_set_new(object, "count",
			    muster_status_need(s, i)
				    ? json_pack("{s:I, s:I}", "have", (json_int_t)muster_status_have(s, i),
						"need", (json_int_t)muster_status_need(s, i))
				    : json_null());
	json_object_set_new(object, "prompt", json_boolean(muster_status_prompt(s, i)));
	json_object_set_new(object, "last_error", last_error_json(s, i));
	return object;
}
