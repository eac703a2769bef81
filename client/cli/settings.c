/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define CONFIG_DEFAULT "/etc/muster/muster.conf"
#define LINE_ROOM 4096
#define LINES_MAX 10000
#define VALUES_MAX 32
#define AGENT "muster/" MUSTER_VERSION

/* One setting, with its names in all three places. */
struct setting {
	const char *name;     /* on the command line and in muster.conf */
	const char *variable; /* in the environment */
	const char *option;   /* of the library */
	bool repeatable;
	bool path;    /* in muster.conf: relative to that file */
	bool seconds; /* the library has it in milliseconds */
	bool given;   /* by something that goes before the place being read */
};

struct settings {
	struct setting rows[9];
	const struct cli *cli;
};

static const struct setting table[] = {
	{.name = "state", .variable = "MUSTER_STATE", .option = "state", .path = true},
	{.name = "products", .variable = "MUSTER_PRODUCTS", .option = "products", .path = true},
	{.name = "host", .variable = "MUSTER_HOST", .option = "host", .repeatable = true},
	{.name = "domain", .variable = "MUSTER_DOMAIN", .option = "domain", .repeatable = true},
	{.name = "dns", .variable = "MUSTER_DNS", .option = "dns"},
	{.name = "timeout", .variable = "MUSTER_TIMEOUT", .option = "timeout_ms", .seconds = true},
	{.name = "identity", .variable = "MUSTER_IDENTITY", .option = "identity", .path = true},
	{.name = "site-key", .variable = "MUSTER_SITE_KEY", .option = "site_key", .path = true},
	{.name = "org", .variable = "MUSTER_ORG", .option = "org"},
};

#define SETTINGS (sizeof(table) / sizeof(table[0]))
_Static_assert(sizeof(((struct settings *)0)->rows) == sizeof(table), "a row is missing");

/* One value to the library, in its own unit. */
static int hand_over(const struct cli *cli, const struct setting *s, const char *value)
{
	char ms[32];
	if (s->seconds) {
		char *end;
		double seconds = strtod(value, &end);
		bool ok = isdigit((unsigned char)*value) && *end == 0 && seconds <= 600;
		snprintf(ms, sizeof(ms), "%d", ok ? (int)(seconds * 1000) : -1);
		value = ms;
	}
	return muster_set(cli->m, s->option, value);
}

/* --- the command line --- */

static int from_options(struct settings *all, const struct invocation *inv)
{
	for (size_t i = 0; i < SETTINGS; i++) {
		const char *values[VALUES_MAX];
		size_t n = invocation_values(inv, all->rows[i].name, values, VALUES_MAX);
		for (size_t j = 0; j < n; j++)
			if (hand_over(all->cli, &all->rows[i], values[j]))
				return command_usage(inv, "--%s cannot be '%s'", all->rows[i].name,
						     values[j]);
		all->rows[i].given = n > 0;
	}
	return 0;
}

/* --- the environment and the file: lists are separated by commas or blanks --- */

static int take_text(const struct cli *cli, const struct setting *s, const char *text, const char *place)
{
	char copy[LINE_ROOM];
	char detail[LINE_ROOM + 256];
	char *rest = NULL;
	snprintf(copy, sizeof(copy), "%s", text);
	char *value = s->repeatable ? strtok_r(copy, ", \t", &rest) : copy;
	for (; value; value = s->repeatable ? strtok_r(NULL, ", \t", &rest) : NULL) {
		if (hand_over(cli, s, value) == 0)
			continue;
		snprintf(detail, sizeof(detail), "%.255s: %s cannot be '%.1024s'", place, s->name, value);
		return print_own_error(cli, "CONFIG_INVALID", detail);
	}
	return 0;
}

static int from_environment(struct settings *all)
{
	for (size_t i = 0; i < SETTINGS; i++) {
		struct setting *s = &all->rows[i];
		const char *text = getenv(s->variable);
		if (s->given || !text || !*text)
			continue;
		int code = take_text(all->cli, s, text, s->variable);
		if (code)
			return code;
		s->given = true;
	}
	return 0;
}

static char *trim(char *text)
{
	text += strspn(text, " \t");
	size_t n = strlen(text);
	while (n && isspace((unsigned char)text[n - 1]))
		text[--n] = 0;
	return text;
}

/* A path of the file is relative to the file's own folder. */
static const char *place_path(const struct setting *s, const char *file, const char *value,
			      char out[PATH_MAX])
{
	const char *slash = strrchr(file, '/');
	if (!s->path || value[0] == '/' || !slash)
		return value;
	int n = snprintf(out, PATH_MAX, "%.*s/%s", (int)(slash - file), file, value);
	return n < PATH_MAX ? out : value;
}

static int take_line(struct settings *all, char *line, const char *file, const char *place)
{
	char path[PATH_MAX];
	char detail[LINE_ROOM];
	char *key = trim(line);
	if (*key == 0 || *key == '#' || *key == ';')
		return 0;
	char *equals = strchr(key, '=');
	if (!equals) {
		snprintf(detail, sizeof(detail), "%.255s: there is no '='", place);
		return print_own_error(all->cli, "CONFIG_INVALID", detail);
	}
	*equals = 0;
	key = trim(key);
	for (size_t i = 0; i < SETTINGS; i++) {
		const struct setting *s = &all->rows[i];
		if (strcmp(s->name, key) != 0)
			continue;
		return s->given ? 0
				: take_text(all->cli, s, place_path(s, file, trim(equals + 1), path), place);
	}
	snprintf(detail, sizeof(detail), "%.255s: there is no key '%.255s'", place, key);
	return print_own_error(all->cli, "CONFIG_INVALID", detail);
}

static int from_file(struct settings *all, const char *file, bool must)
{
	char line[LINE_ROOM];
	char place[PATH_MAX + 16];
	FILE *in = fopen(file, "re");
	if (!in && !must && errno == ENOENT)
		return 0;
	if (!in) {
		snprintf(place, sizeof(place), "%s: %s", file, strerror(errno));
		return print_own_error(all->cli, "CONFIG_INVALID", place);
	}
	int code = 0;
	for (int n = 1; !code && n <= LINES_MAX && fgets(line, sizeof(line), in); n++) {
		snprintf(place, sizeof(place), "%s:%d", file, n);
		code = take_line(all, line, file, place);
	}
	fclose(in);
	return code;
}

int settings_apply(struct cli *cli, const struct invocation *inv)
{
	struct settings all = {.cli = cli};
	memcpy(all.rows, table, sizeof(table));
	cli->json = invocation_has(inv, "json");
	cli->m = muster_new();
	if (!cli->m)
		return print_own_error(cli, "NO_MEMORY", "");
	muster_set(cli->m, "agent", AGENT);
	const char *file = invocation_value_or(inv, "config", getenv("MUSTER_CONFIG"));
	int code = from_options(&all, inv);
	if (!code)
		code = from_environment(&all);
	if (!code)
		code = from_file(&all, file && *file ? file : CONFIG_DEFAULT, file && *file);
	return code;
}
