/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns.h"
#include "error.h"
#include "log.h"
#include "name.h"
#include "net.h"

enum type { LIST, TEXT, PATH, NUMBER };

static const struct config_option {
	const char *section;
	const char *key;
	const char *name;
	enum type type;
	const char *otherwise;
	int64_t min;
	int64_t max;
	bool reload;
	const char *prose;
} options[] = {
#define OPT(id, section, key, type, otherwise, min, max, reload, prose)                                      \
	{section, key, section "." key, type, otherwise, min, max, reload, prose},
#include "config.def"
#undef OPT
};

/* A file under reading: inih does not tell line numbers here, so its lines are counted as they are handed
 * over. */
struct reading {
	struct config *config;
	FILE *file;
	const char *path;
	int line;
	int faults;
	bool starved; /* of memory: no fault of the file */
	bool seen[CONFIG_COUNT];
};

static void fault(struct reading *r, const char *what, const char *which)
{
	r->faults++;
	fprintf(stderr, "musterd: CONFIG_INVALID: %s:%d: %s: %s\n", r->path, r->line, what, which);
}

/* --- values --- */

static int read_number(const char *text, int64_t min, int64_t max, int64_t *ret)
{
	char *end;
	errno = 0;
	long long value = strtoll(text, &end, 10);
	if (end == text || *end || errno || value < min || value > max)
		return E_CONFIG_INVALID;
	*ret = value;
	return 0;
}

/* Words of a list, each of which must be a domain; at most as many as are looked after. */
static bool domains_ok(const char *text)
{
	static const char blanks[] = " \t,";
	char name[LIMIT_HOSTNAME + 1];
	size_t count = 0;
	for (text += strspn(text, blanks); *text; text += strspn(text, blanks)) {
		size_t n = strcspn(text, blanks);
		if (n >= sizeof(name) || ++count > DNS_DOMAINS_MAX)
			return false;
		memcpy(name, text, n);
		name[n] = 0;
		if (!dns_name_ok(name))
			return false;
		text += n;
	}
	return true;
}

static bool dns_ok(enum config_id id, const char *text)
{
	struct dns_address address;
	switch (id) {
	case CONFIG_DNS_DOMAINS:
		return domains_ok(text);
	case CONFIG_DNS_SERVER:
	case CONFIG_DNS_RESOLVER:
		return !*text || dns_address_read(text, DNS_PORT, &address) == 0;
	case CONFIG_DNS_TARGET:
		return !*text || dns_host_ok(text);
	case CONFIG_DNS_PUBLISH:
		return strcmp(text, "yes") == 0 || strcmp(text, "no") == 0;
	default:
		return true;
	}
}

/* Words of addresses and networks, as many as are taken. */
static bool exempt_ok(const char *text)
{
	static const char blanks[] = " \t,";
	struct exempt ignored;
	char word[80];
	size_t n = 0;
	for (text += strspn(text, blanks); *text; text += strspn(text, blanks)) {
		size_t length = strcspn(text, blanks);
		if (length >= sizeof(word) || n++ == NET_EXEMPT_MAX)
			return false;
		memcpy(word, text, length);
		word[length] = 0;
		if (!exempt_read(word, &ignored))
			return false;
		text += length;
	}
	return true;
}

static int check(enum config_id id, const char *text, int64_t *ret_number)
{
	enum log_level level;
	enum log_format format;
	*ret_number = 0;
	if (options[id].type == NUMBER)
		return read_number(text, options[id].min, options[id].max, ret_number);
	if ((options[id].type == LIST || options[id].type == PATH) && !*text && *options[id].otherwise)
		return E_CONFIG_INVALID;
	if (!dns_ok(id, text))
		return E_CONFIG_INVALID;
	if (id == CONFIG_LIMITS_EXEMPT && !exempt_ok(text))
		return E_CONFIG_INVALID;
	if (id == CONFIG_LOG_LEVEL && !log_level_read(text, &level))
		return E_CONFIG_INVALID;
	if (id == CONFIG_LOG_FORMAT && !log_format_read(text, &format))
		return E_CONFIG_INVALID;
	if (id == CONFIG_WEB_LISTEN && strcmp(text, "none") != 0)
		return E_CONFIG_INVALID;
	if (id == CONFIG_STORE_URL && *text && strcmp(text, "memory:") != 0)
		return strncmp(text, "sqlite:", 7) == 0 && text[7] ? 0 : E_CONFIG_INVALID;
	return 0;
}

/* A path of the file counts from the file's folder; sqlite:PATH too. */
static char *resolve(const struct config *c, enum config_id id, const char *text)
{
	static const char sqlite[] = "sqlite:";
	size_t skip = id == CONFIG_STORE_URL && strncmp(text, sqlite, sizeof(sqlite) - 1) == 0
			      ? sizeof(sqlite) - 1
			      : 0;
	bool path = options[id].type == PATH || skip;
	char folder[PATH_MAX];
	char *out;
	if (!path || !c->path || !text[skip] || text[skip] == '/')
		return strdup(text);
	snprintf(folder, sizeof(folder), "%s", c->path);
	const char *dir = dirname(folder);
	if (strcmp(dir, ".") == 0)
		return strdup(text);
	return asprintf(&out, "%.*s%s/%s", (int)skip, text, dir, text + skip) < 0 ? NULL : out;
}

static int set(struct config *c, enum config_id id, const char *text, enum config_source source, int line)
{
	int64_t number;
	int error = check(id, text, &number);
	if (error)
		return error;
	char *copy = source == CONFIG_FILE ? resolve(c, id, text) : strdup(text);
	if (!copy)
		return E_NO_MEMORY;
	free(c->values[id].text);
	c->values[id] = (struct config_value){copy, number, source, line};
	return 0;
}

/* --- the file --- */

static char *on_line(char *buffer, int room, void *context)
{
	struct reading *r = context;
	char *line = fgets(buffer, room, r->file);
	if (!line)
		return NULL;
	r->line++;
	size_t n = strlen(line);
	if (n && line[n - 1] != '\n' && !feof(r->file)) {
		int c;
		fault(r, "line is too long", "at most 198 characters");
		while ((c = getc(r->file)) != EOF && c != '\n')
			;
	}
	return line;
}

static enum config_id find(const char *section, const char *key)
{
	for (size_t i = 0; i < CONFIG_COUNT; i++)
		if (strcmp(options[i].section, section) == 0 && strcmp(options[i].key, key) == 0)
			return (enum config_id)i;
	return CONFIG_COUNT;
}

/* What was given, and what may be. */
static void describe_bad(enum config_id id, const char *value, char *out, size_t room)
{
	const struct config_option *o = &options[id];
	int n = snprintf(out, room, "[%s] %s = %.60s; it takes ", o->section, o->key, value);
	if (o->type == NUMBER)
		snprintf(out + n, room - (size_t)n, "%" PRId64 " to %" PRId64 ", %s", o->min, o->max,
			 o->prose);
	else
		snprintf(out + n, room - (size_t)n, "%s", o->prose);
}

static int on_value(void *context, const char *section, const char *key, const char *value)
{
	struct reading *r = context;
	char which[400];
	enum config_id id = find(section, key);
	snprintf(which, sizeof(which), "[%s] %s", section, key);
	if (id == CONFIG_COUNT) {
		snprintf(which, sizeof(which), "[%.60s] %.60s; musterd.conf(5) has them all", section, key);
		fault(r, "unknown key", which);
	} else if (r->seen[id]) {
		fault(r, "key is given twice, or its value continues on an indented line", which);
	} else {
		r->seen[id] = true;
		int error = set(r->config, id, value, CONFIG_FILE, r->line);
		r->starved |= error == E_NO_MEMORY;
		if (error && error != E_NO_MEMORY) {
			describe_bad(id, value, which, sizeof(which));
			fault(r, "bad value", which);
		}
	}
	return 1;
}

static int read_file(struct config *c)
{
	struct reading r = {.config = c, .path = c->path};
	r.file = fopen(c->path, "re");
	if (!r.file && errno == ENOMEM)
		return E_NO_MEMORY;
	if (!r.file) {
		fprintf(stderr, "musterd: CONFIG_INVALID: %s: %s\n", c->path, strerror(errno));
		return E_CONFIG_INVALID;
	}
	int bad_line = ini_parse_stream(on_line, &r, on_value, &r);
	if (ferror(r.file))
		fault(&r, "cannot be read", strerror(errno));
	fclose(r.file);
	if (bad_line > 0) {
		r.line = bad_line;
		fault(&r, "not understood", "expected [section] or key = value");
	}
	if (r.starved)
		return E_NO_MEMORY;
	return r.faults || bad_line ? E_CONFIG_INVALID : 0;
}

/* --- the environment --- */

static int read_environment(struct config *c)
{
	int result = 0;
	for (size_t i = 0; i < CONFIG_COUNT; i++) {
		char name[64];
		snprintf(name, sizeof(name), "MUSTERD_%s_%s", options[i].section, options[i].key);
		for (char *p = name; *p; p++)
			*p = (char)toupper((unsigned char)*p);
		const char *value = getenv(name);
		int error = value ? set(c, (enum config_id)i, value, CONFIG_ENVIRONMENT, 0) : 0;
		if (error == E_NO_MEMORY)
			return error;
		if (error) {
			fprintf(stderr, "musterd: CONFIG_INVALID: environment %s: bad value: %s\n", name,
				value);
			result = E_CONFIG_INVALID;
		}
	}
	return result;
}

/* systemd tells where the state lives; the file and the environment may still say otherwise. */
static const char *default_of(enum config_id id)
{
	const char *state = id == CONFIG_SERVER_STATE_DIR ? getenv("STATE_DIRECTORY") : NULL;
	return state && *state ? state : options[id].otherwise;
}

int config_load(const char *path, struct config **ret)
{
	struct config *c = calloc(1, sizeof(*c));
	int error = c ? 0 : E_NO_MEMORY;
	for (size_t i = 0; i < CONFIG_COUNT && !error; i++)
		error = set(c, (enum config_id)i, default_of((enum config_id)i), CONFIG_DEFAULT, 0);
	if (!error && path && !(c->path = strdup(path)))
		error = E_NO_MEMORY;
	if (!error && path)
		error = read_file(c);
	if (!error)
		error = read_environment(c);
	if (error)
		config_free(c);
	else
		*ret = c;
	return error;
}

void config_free(struct config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < CONFIG_COUNT; i++)
		free(c->values[i].text);
	free(c->path);
	free(c);
}

const char *config_text(const struct config *c, enum config_id id)
{
	return c->values[id].text;
}

int64_t config_number(const struct config *c, enum config_id id)
{
	return c->values[id].number;
}

bool config_word(const struct config *c, enum config_id id, size_t i, char *out, size_t room)
{
	static const char blanks[] = " \t,";
	const char *at = c->values[id].text;
	for (;; i--) {
		at += strspn(at, blanks);
		size_t n = strcspn(at, blanks);
		if (n == 0 || n >= room)
			return false;
		if (i == 0) {
			memcpy(out, at, n);
			out[n] = 0;
			return true;
		}
		at += n;
	}
}

enum config_id config_differs(const struct config *a, const struct config *b)
{
	for (size_t i = 0; i < CONFIG_COUNT; i++)
		if (!options[i].reload && strcmp(a->values[i].text, b->values[i].text) != 0)
			return (enum config_id)i;
	return CONFIG_COUNT;
}

int config_keep(struct config *fresh, const struct config *in_force)
{
	for (size_t i = 0; i < CONFIG_COUNT; i++) {
		if (options[i].reload)
			continue;
		char *copy = strdup(in_force->values[i].text);
		if (!copy)
			return E_NO_MEMORY;
		free(fresh->values[i].text);
		fresh->values[i] = in_force->values[i];
		fresh->values[i].text = copy;
	}
	return 0;
}

json_t *config_changes(const struct config *before, const struct config *after)
{
	json_t *all = json_array();
	for (size_t i = 0; i < CONFIG_COUNT; i++) {
		const char *old = before->values[i].text;
		const char *new = after->values[i].text;
		if (strcmp(old, new) != 0)
			json_array_append_new(all, json_pack("{s:s, s:s, s:s}", "key", options[i].name,
							     "before", old, "after", new));
	}
	return all;
}

const char *config_name(enum config_id id)
{
	return options[id].name;
}

json_t *config_items(const struct config *c)
{
	static const char *const sources[] = {"default", "file", "environment"};
	json_t *items = json_array();
	for (size_t i = 0; i < CONFIG_COUNT; i++) {
		const struct config_value *v = &c->values[i];
		json_t *item =
			json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "section", options[i].section, "key",
				  options[i].key, "value", v->text, "default", options[i].otherwise, "source",
				  sources[v->source], "reload", options[i].reload);
		json_object_set_new(item, "file",
				    v->source == CONFIG_FILE && c->path ? json_string(c->path) : json_null());
		json_object_set_new(item, "line", v->line ? json_integer(v->line) : json_null());
		json_array_append_new(items, item);
	}
	return items;
}
