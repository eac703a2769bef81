/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line per event on standard error: a message and key=value pairs. Under systemd (JOURNAL_STREAM is set)
 * each line begins with its <priority>. Any thread: a line is one write.
 */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Lines above this level are dropped; INFO at first. Any thread. */
void log_level_set(enum log_level);
bool log_level_read(const char *name, enum log_level *ret);

/* printf style; the message first, then " key=value". Control characters are written as '?'. */
void log_write(enum log_level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
