/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 as RFC 3629 has it. Pure; any thread. */
#ifndef PROTOCOL_UTF8_H
#define PROTOCOL_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the character that begins at `at`, of which n follow (at least 1); 0: it is none. */
size_t utf8_length(const uint8_t *at, size_t n);

/* Bytes of the character that begins at `at`, of which n follow (at least 1); 0: it is none, or a control
 * character (those of U+0080 to U+009F among them). */
size_t utf8_printable(const uint8_t *at, size_t n);

#endif
