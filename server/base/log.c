/* SPDX-License-Identifier: Apache-2.0 */
#include "log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

static const struct {
	const char *name;
	int priority; /* syslog's */
} levels[] = {
	[LOG_LEVEL_ERROR] = {"error", 3},
	[LOG_LEVEL_WARNING] = {"warning", 4},
	[LOG_LEVEL_INFO] = {"info", 6},
	[LOG_LEVEL_DEBUG] = {"debug", 7},
};

static atomic_int threshold = LOG_LEVEL_INFO;

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

void log_write(enum log_level level, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	va_list args;
	if ((int)level > atomic_load(&threshold))
		return;
	int at = getenv("JOURNAL_STREAM") ? snprintf(line, sizeof(line), "<%d>", levels[level].priority)
					  : snprintf(line, sizeof(line), "musterd: %s: ", levels[level].name);
	va_start(args, format);
	int more = vsnprintf(line + at, sizeof(line) - (size_t)at - 1, format, args);
	va_end(args);
	size_t n = (size_t)at + (more < 0 ? 0 : (size_t)more);
	if (n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[n++] = '\n';
	/* A log line that cannot be written has nowhere to be reported. */
	ssize_t ignored = write(STDERR_FILENO, line, n);
	(void)ignored;
}
