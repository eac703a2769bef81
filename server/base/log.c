/* SPDX-License-Identifier: Apache-2.0 */
#include "log.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#ifdef WITH_SYSTEMD
#include <systemd/sd-journal.h>
#endif

#include "utf8.h"

#define LINE_MAX_BYTES 4096
#define FIXED_FIELDS 8

static const struct {
	const char *name;
	int priority; /* syslog's */
} levels[] = {
	[LOG_LEVEL_ERROR] = {"error", 3},
	[LOG_LEVEL_WARNING] = {"warning", 4},
	[LOG_LEVEL_INFO] = {"info", 6},
	[LOG_LEVEL_DEBUG] = {"debug", 7},
};

static const char *const formats[] = {[LOG_FORMAT_TEXT] = "text", [LOG_FORMAT_JSON] = "json"};

static const struct {
	const char *name;
	enum log_level level;
	int rate; /* a minute; 0: all */
	const char *message_id;
	const char *text;
} events[] = {
#define EVENT(id, name, level, rate, message_id, text, meaning, remedy) {name, level, rate, message_id, text},
#include "events.def"
#undef EVENT
};

static const struct {
	const char *name;
	const char *journal;
} keys[] = {
	[LOG_KEY_NONE] = {NULL, NULL},
#define FIELD(id, name, journal) [LOG_KEY_##id] = {name, journal},
#include "fields.def"
#undef FIELD
};

static atomic_int threshold = LOG_LEVEL_INFO;
static atomic_int form = LOG_FORMAT_TEXT;
static bool supervised; /* standard error is the journal's stream */

/* --- settings --- */

void log_open(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device;
	unsigned long long inode;
	struct stat st;
	supervised = stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
		     fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_level_set(enum log_level level)
{
	atomic_store(&threshold, (int)level);
}

bool log_level_read(const char *name, enum log_level *ret)
{
	for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
		if (strcmp(levels[i].name, name) == 0) {
			*ret = (enum log_level)i;
			return true;
		}
	}
	return false;
}

void log_format_set(enum log_format format)
{
	atomic_store(&form, (int)format);
}

bool log_format_read(const char *name, enum log_format *ret)
{
	for (int i = LOG_FORMAT_TEXT; i <= LOG_FORMAT_JSON; i++) {
		if (strcmp(formats[i], name) == 0) {
			*ret = (enum log_format)i;
			return true;
		}
	}
	return false;
}

/* --- a line under construction --- */

struct line {
	char text[LINE_MAX_BYTES];
	size_t n;
};

/* As much of it as fits; room for the end of the line stays. */
static void put(struct line *l, const char *text, size_t n)
{
	size_t room = sizeof(l->text) - 8 - l->n;
	n = n < room ? n : room;
	memcpy(l->text + l->n, text, n);
	l->n += n;
}

static void put_text(struct line *l, const char *text)
{
	put(l, text, strlen(text));
}

/* A value: what is no printable character becomes '?', quotes and backslashes are marked when it is quoted.
 */
static void put_value(struct line *l, const char *value, bool quoted)
{
	size_t n = strnlen(value, LOG_VALUE_MAX);
	for (size_t i = 0; i < n;) {
		size_t length = utf8_printable((const uint8_t *)value + i, n - i);
		if (l->n + length + 16 > sizeof(l->text))
			return;
		if (quoted && (value[i] == '"' || value[i] == '\\'))
			put(l, "\\", 1);
		if (length)
			put(l, value + i, length);
		else
			put(l, "?", 1);
		i += length ? length : 1;
	}
}

static void put_number(struct line *l, int64_t number)
{
	char digits[24];
	snprintf(digits, sizeof(digits), "%" PRId64, number);
	put_text(l, digits);
}

static bool empty(const struct log_field *f)
{
	return !f->is_number && (!f->text || !*f->text);
}

/* " key=value"; quoted where a reader could take it for more than one field. */
static void put_pairs(struct line *l, const struct log_field *fields)
{
	for (const struct log_field *f = fields; f->key; f++) {
		if (empty(f))
			continue;
		put_text(l, " ");
		put_text(l, keys[f->key].name);
		put_text(l, "=");
		if (f->is_number) {
			put_number(l, f->number);
			continue;
		}
		bool quoted = strpbrk(f->text, " \t\"=\\") != NULL;
		put_text(l, quoted ? "\"" : "");
		put_value(l, f->text, quoted);
		put_text(l, quoted ? "\"" : "");
	}
}

static void write_line(struct line *l)
{
	l->text[l->n++] = '\n';
	/* A log line that cannot be written has nowhere to be reported. */
	ssize_t ignored = write(STDERR_FILENO, l->text, l->n);
	(void)ignored;
}

/* --- the three outputs --- */

static void write_text(enum log_event event, const struct log_field *fields)
{
	struct line l = {.n = 0};
	char head[32];
	int level = (int)events[event].level;
	if (supervised)
		snprintf(head, sizeof(head), "<%d>", levels[level].priority);
	else
		snprintf(head, sizeof(head), "musterd: %s: ", levels[level].name);
	put_text(&l, head);
	put_text(&l, events[event].text);
	put_pairs(&l, fields);
	write_line(&l);
}

static void put_member(struct line *l, const char *key, const char *value)
{
	put_text(l, ",\"");
	put_text(l, key);
	put_text(l, "\":\"");
	put_value(l, value, true);
	put_text(l, "\"");
}

static void write_json(enum log_event event, const struct log_field *fields)
{
	struct line l = {.n = 0};
	struct timespec now;
	struct tm utc;
	char when[48];
	size_t n;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	n = strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(when + n, sizeof(when) - n, ".%03ldZ", now.tv_nsec / 1000000);
	put_text(&l, "{\"schema\":1,\"time\":\"");
	put_text(&l, when);
	put_text(&l, "\"");
	put_member(&l, "level", levels[events[event].level].name);
	put_member(&l, "event", events[event].name);
	put_member(&l, "message", events[event].text);
	for (const struct log_field *f = fields; f->key; f++) {
		/* Half a member would spoil the line. */
		if (empty(f) || l.n + 2 * LOG_VALUE_MAX + 64 > sizeof(l.text))
			continue;
		if (!f->is_number) {
			put_member(&l, keys[f->key].name, f->text);
			continue;
		}
		put_text(&l, ",\"");
		put_text(&l, keys[f->key].name);
		put_text(&l, "\":");
		put_number(&l, f->number);
	}
	put_text(&l, "}");
	write_line(&l);
}

#ifdef WITH_SYSTEMD
/* One field is one block of memory: whatever it holds, libsystemd frames it. */
struct frames {
	struct line line;
	struct iovec all[FIXED_FIELDS + LOG_FIELDS_MAX];
	int n;
};

static void frame_begin(struct frames *f, const char *key)
{
	f->all[f->n].iov_base = f->line.text + f->line.n;
	put_text(&f->line, key);
	put_text(&f->line, "=");
}

static void frame_end(struct frames *f)
{
	const char *begin = f->all[f->n].iov_base;
	f->all[f->n].iov_len = (size_t)(f->line.text + f->line.n - begin);
	f->n++;
}

static void frame(struct frames *f, const char *key, const char *value)
{
	frame_begin(f, key);
	put_value(&f->line, value, false);
	frame_end(f);
}

static bool write_journal(enum log_event event, const struct log_field *fields)
{
	struct frames f = {.n = 0};
	char priority[4];
	snprintf(priority, sizeof(priority), "%d", levels[events[event].level].priority);
	frame_begin(&f, "MESSAGE");
	put_text(&f.line, events[event].text);
	put_pairs(&f.line, fields);
	frame_end(&f);
	frame(&f, "PRIORITY", priority);
	frame(&f, "MESSAGE_ID", events[event].message_id);
	frame(&f, "SYSLOG_IDENTIFIER", "musterd");
	frame(&f, "MUSTER_EVENT", events[event].name);
	frame(&f, "MUSTER_VERSION", MUSTER_VERSION);
	for (; fields->key && f.n < FIXED_FIELDS + LOG_FIELDS_MAX; fields++) {
		if (empty(fields) || f.line.n + LOG_VALUE_MAX + 64 > sizeof(f.line.text))
			continue;
		frame_begin(&f, keys[fields->key].journal);
		if (fields->is_number)
			put_number(&f.line, fields->number);
		else
			put_value(&f.line, fields->text, false);
		frame_end(&f);
	}
	return sd_journal_sendv(f.all, f.n) == 0;
}
#else
static bool write_journal(enum log_event event, const struct log_field *fields)
{
	(void)event;
	(void)fields;
	return false;
}
#endif

static void write_event(enum log_event event, const struct log_field *fields)
{
	if (supervised && write_journal(event, fields))
		return;
	if (!supervised && atomic_load(&form) == LOG_FORMAT_JSON)
		write_json(event, fields);
	else
		write_text(event, fields);
}

/* --- storms --- */

static pthread_mutex_t rates_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	int64_t minute;
	int written;
	int64_t left_out;
} rates[EVENT_COUNT];

static int64_t minute_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return 1 + now.tv_sec / 60;
}

/* May it be written? *ret_left_out: what was not in the minute before. */
static bool within_rate(enum log_event event, int64_t minute, int64_t *ret_left_out)
{
	*ret_left_out = 0;
	pthread_mutex_lock(&rates_lock);
	if (rates[event].minute != minute) {
		*ret_left_out = rates[event].left_out;
		rates[event].minute = minute;
		rates[event].written = 0;
		rates[event].left_out = 0;
	}
	bool within = rates[event].written < events[event].rate;
	rates[event].written += within;
	rates[event].left_out += !within;
	pthread_mutex_unlock(&rates_lock);
	return within;
}

static void tell_left_out(enum log_event event, int64_t left_out)
{
	const struct log_field fields[] = {
		LOG_TEXT(OF, events[event].name), LOG_NUMBER(COUNT, left_out), {0}};
	if (left_out && (int)events[EVENT_LOG_SUPPRESSED].level <= atomic_load(&threshold))
		write_event(EVENT_LOG_SUPPRESSED, fields);
}

void log_tell_suppressed(bool all)
{
	int64_t minute = minute_now();
	for (int i = 0; i < EVENT_COUNT; i++) {
		int64_t left_out = 0;
		pthread_mutex_lock(&rates_lock);
		if (rates[i].left_out && (all || rates[i].minute != minute)) {
			left_out = rates[i].left_out;
			rates[i].left_out = 0;
		}
		pthread_mutex_unlock(&rates_lock);
		tell_left_out((enum log_event)i, left_out);
	}
}

void log_fields(enum log_event event, const struct log_field *fields)
{
	int level = atomic_load(&threshold);
	int64_t left_out = 0;
	if ((int)events[event].level > level)
		return;
	if (events[event].rate && level != LOG_LEVEL_DEBUG && !within_rate(event, minute_now(), &left_out)) {
		return;
	}
	tell_left_out(event, left_out);
	write_event(event, fields + 1);
}
