/* SPDX-License-Identifier: Apache-2.0 */
#include "rfc3339.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "error.h"

char *rfc3339_write(int64_t time, char out[RFC3339_TEXT])
{
	struct tm tm;
	time_t t = time < 0 ? 0 : time > RFC3339_MAX ? RFC3339_MAX : time;
	gmtime_r(&t, &tm);
	strftime(out, RFC3339_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return out;
}

/* Exactly n digits at *text, which moves behind them. -1 otherwise. */
static int digits(const char **text, int n)
{
	int value = 0;
	for (int i = 0; i < n; i++) {
		if (!isdigit((unsigned char)**text))
			return -1;
		value = value * 10 + (*(*text)++ - '0');
	}
	return value;
}

static int literal(const char **text, const char *any_of)
{
	if (**text == 0 || !strchr(any_of, **text))
		return -1;
	return *(*text)++;
}

/* The date at *text as the seconds of its midnight. */
static int read_date(const char **text, int64_t *ret)
{
	struct tm tm = {0};
	int year = digits(text, 4);
	if (year < 1970 || literal(text, "-") < 0)
		return E_CLAIM_INVALID;
	int month = digits(text, 2);
	if (month < 1 || month > 12 || literal(text, "-") < 0)
		return E_CLAIM_INVALID;
	int day = digits(text, 2);
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	tm.tm_mday = day;
	if (day < 1)
		return E_CLAIM_INVALID;
	*ret = timegm(&tm);
	return tm.tm_mon == month - 1 && tm.tm_mday == day ? 0 : E_CLAIM_INVALID;
}

static int read_clock(const char **text, int64_t *ret)
{
	int hour = digits(text, 2);
	if (hour < 0 || hour > 23 || literal(text, ":") < 0)
		return E_CLAIM_INVALID;
	int minute = digits(text, 2);
	if (minute < 0 || minute > 59 || literal(text, ":") < 0)
		return E_CLAIM_INVALID;
	int second = digits(text, 2);
	if (second < 0 || second > 60)
		return E_CLAIM_INVALID;
	if (**text == '.') {
		(*text)++;
		if (digits(text, 1) < 0)
			return E_CLAIM_INVALID;
		while (isdigit((unsigned char)**text))
			(*text)++;
	}
	*ret = hour * 3600 + minute * 60 + second;
	return 0;
}

static int read_offset(const char **text, int64_t *ret)
{
	int sign = literal(text, "Zz+-");
	*ret = 0;
	if (sign == 'Z' || sign == 'z')
		return 0;
	int hour = sign < 0 ? -1 : digits(text, 2);
	if (hour < 0 || hour > 23 || literal(text, ":") < 0)
		return E_CLAIM_INVALID;
	int minute = digits(text, 2);
	if (minute < 0 || minute > 59)
		return E_CLAIM_INVALID;
	*ret = (sign == '-' ? -1 : 1) * (hour * 3600 + minute * 60);
	return 0;
}

int rfc3339_read(const char *text, int64_t *ret)
{
	int64_t date;
	int64_t clock;
	int64_t offset;
	if (read_date(&text, &date) || literal(&text, "Tt ") < 0)
		return E_CLAIM_INVALID;
	if (read_clock(&text, &clock) || read_offset(&text, &offset) || *text)
		return E_CLAIM_INVALID;
	int64_t time = date + clock - offset;
	if (time < 0 || time > RFC3339_MAX)
		return E_CLAIM_INVALID;
	*ret = time;
	return 0;
}

int rfc3339_read_date(const char *text, int64_t *ret)
{
	const char *at = text;
	int64_t date;
	if (read_date(&at, &date) || *at)
		return rfc3339_read(text, ret);
	*ret = date;
	return 0;
}

static const struct {
	char letter;
	int64_t seconds;
} units[] = {{'w', 604800}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};

int duration_read(const char *text, int64_t *ret_seconds)
{
	char *end;
	if (!isdigit((unsigned char)*text))
		return E_CLAIM_INVALID;
	long value = strtol(text, &end, 10);
	if (value > INT32_MAX || end[0] == 0 || end[1] != 0)
		return E_CLAIM_INVALID;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (units[i].letter == *end) {
			if (value > RFC3339_MAX / units[i].seconds)
				return E_CLAIM_INVALID;
			*ret_seconds = value * units[i].seconds;
			return 0;
		}
	}
	return E_CLAIM_INVALID;
}

char *duration_write(int64_t seconds, char *out, size_t room)
{
	size_t i = 1; /* weeks are read, but days are what people compare */
	while (seconds % units[i].seconds != 0)
		i++;
	snprintf(out, room, "%" PRId64 "%c", seconds / units[i].seconds, units[i].letter);
	return out;
}
