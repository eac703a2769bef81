/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: events of events.def with typed fields of fields.def. Under systemd (JOURNAL_STREAM names standard
 * error) they go to the journal with every field apart; otherwise each is one line on standard error, as text
 * or as JSON. A value can neither end a line nor begin a field. Never keys, tokens, codes or license bodies.
 * Any thread; nothing is allocated.
 */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

enum log_event {
#define EVENT(id, name, level, rate, message_id, text, meaning, remedy) EVENT_##id,
#include "events.def"
#undef EVENT
	EVENT_COUNT
};

enum log_key {
	LOG_KEY_NONE,
#define FIELD(id, name, journal) LOG_KEY_##id,
#include "fields.def"
#undef FIELD
};

/* A value of a line; text is borrowed for the call. NULL and "" are left out. */
struct log_field {
	enum log_key key;
	const char *text; /* NULL: the number */
	int64_t number;
	bool is_number;
};

#define LOG_FIELDS_MAX 16
#define LOG_VALUE_MAX 768 /* bytes; what is longer is cut */

#define LOG_TEXT(id, value) ((struct log_field){.key = LOG_KEY_##id, .text = (value)})
#define LOG_NUMBER(id, value)                                                                                \
	((struct log_field){.key = LOG_KEY_##id, .number = (int64_t)(value), .is_number = true})
/* A code of errors.def, by its name. */
#define LOG_CODE(code) LOG_TEXT(REASON, error_name(code))

/* log_event(EVENT_CONFIG_RESTART, LOG_TEXT(KEY, name)); */
#define log_event(event, ...) log_fields(event, (const struct log_field[]){{0}, ##__VA_ARGS__, {0}})

/* Write one event; fields begin and end with an empty one. */
void log_fields(enum log_event, const struct log_field *);

/* Find out where lines go. Before the first line; without it, text lines on standard error. */
void log_open(void);

/* Events above this level are dropped; INFO at first. */
void log_level_set(enum log_level);
bool log_level_read(const char *name, enum log_level *ret);

/* Form of the lines where there is no journal; text at first. */
void log_format_set(enum log_format);
bool log_format_read(const char *name, enum log_format *ret);

/* Tell how much was left out in minutes that are over; now and then, and at the end with all: true. */
void log_tell_suppressed(bool all);

#endif
