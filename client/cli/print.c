/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"

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

/* --- numbers of a refusal --- */

static bool value_of(const struct refused *from, const char *name, long long *ret)
{
	return from->m ? muster_error_value(from->m, name, ret)
		       : muster_status_error_value(from->s, from->index, name, ret);
}

void print_numbers(FILE *out, const struct refused *from)
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

json_t *print_numbers_json(const struct refused *from)
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
	const struct refused from = {.m = cli->m};
	if (!muster_error_number(cli->m))
		return NULL;
	json_t *error = json_object();
	json_object_set_new(error, "code", json_string(muster_error_name(cli->m)));
	json_object_set_new(error, "text", json_string(muster_error_text(cli->m)));
	json_object_set_new(error, "remedy", json_string(muster_error_remedy(cli->m)));
	json_object_set_new(error, "detail", json_string(muster_error_detail(cli->m)));
	json_object_set_new(error, "numbers", print_numbers_json(&from));
	if (*muster_error_correlation(cli->m))
		json_object_set_new(error, "correlation", json_string(muster_error_correlation(cli->m)));
	if (muster_error_retry_after(cli->m))
		json_object_set_new(error, "retry_after", json_integer(muster_error_retry_after(cli->m)));
	return error;
}

int print_error(const struct cli *cli)
{
	const struct muster *m = cli->m;
	const struct refused from = {.m = m};
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
