/* SPDX-License-Identifier: Apache-2.0 */
#include "fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "error.h"

void fault_clear(struct fault *f)
{
	memset(f, 0, sizeof(*f));
}

int fault_set(struct fault *f, int code, const char *format, ...)
{
	va_list args;
	fault_clear(f);
	f->code = code;
	va_start(args, format);
	vsnprintf(f->detail, sizeof(f->detail), format, args);
	va_end(args);
	return code;
}

int fault_code(struct fault *f, int code)
{
	fault_clear(f);
	f->code = code;
	return code;
}

/* What the system has run out of is no matter of the path, and who may not will not be let by trying again.
 */
static int code_of(int reason, int code)
{
	switch (reason) {
	case EMFILE:
	case ENFILE:
		return E_TOO_MANY_FILES;
	case ENOMEM:
		return E_NO_MEMORY;
	case EACCES:
	case EPERM:
		return E_ACCESS_DENIED;
	default:
		return code;
	}
}

int fault_system(struct fault *f, int code, const char *path)
{
	int saved = errno;
	code = code_of(saved, code);
	char text[128];
	const char *reason = strerror_r(saved, text, sizeof(text));
	return path ? fault_set(f, code, "%s: %s", path, reason) : fault_set(f, code, "%s", reason);
}

void fault_add(struct fault *f, const char *format, ...)
{
	va_list args;
	size_t used = strlen(f->detail);
	if (used)
		used += (size_t)snprintf(f->detail + used, sizeof(f->detail) - used, "; ");
	if (used >= sizeof(f->detail))
		return;
	va_start(args, format);
	vsnprintf(f->detail + used, sizeof(f->detail) - used, format, args);
	va_end(args);
}

char *fault_excerpt(const char *detail, char *out, size_t room)
{
	size_t n = 0;
	for (; detail[n] && n < room - 1; n++) {
		unsigned char c = (unsigned char)detail[n];
		bool control = c < 0x20 || c == 0x7f;
		/* U+0080 to U+009F are C2 80 to C2 9F: the second byte shows it. */
		bool high = n && (unsigned char)detail[n - 1] == 0xc2 && c >= 0x80 && c < 0xa0;
		if (high)
			out[n - 1] = '?';
		out[n] = control || high ? '?' : detail[n];
	}
	/* Never a part of a character. */
	while (detail[n] && n && ((unsigned char)detail[n] & 0xc0) == 0x80)
		n--;
	out[n] = 0;
	return out;
}

bool numbers_value(const struct numbers *n, const char *name, int64_t *ret)
{
	const struct {
		const char *name;
		int64_t value;
		bool told;
	} rows[] = {
		{"have", n->have, n->have || n->need},     {"need", n->need, n->need != 0},
		{"used", n->used, n->used || n->quantity}, {"quantity", n->quantity, n->quantity != 0},
		{"until", n->until, n->until != 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].name, name) != 0 || !rows[i].told)
			continue;
		*ret = rows[i].value;
		return true;
	}
	return false;
}
