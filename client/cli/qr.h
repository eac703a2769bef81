/* SPDX-License-Identifier: Apache-2.0 */
/* A text as QR codes on a terminal. Main thread. */
#ifndef CLI_QR_H
#define CLI_QR_H

#include <stdbool.h>

#include "command.h"

/* Can --qr be done, where it was asked for? 0, or the exit code of a wrong line, after telling it. */
int qr_check(const struct invocation *);

/* Print it with block characters, two rows of modules in a line; light ones are drawn. False: the text is too
 * long, or there is no memory. */
bool qr_print(const char *text);

/*
 * Print a text that is too long for one code as several, each with its number above it and with whole lines
 * of the text, the last one's end left out: scanners type one. Who scans them in turn has the text. False: it
 * needs more than nine, or there is no memory; then nothing, or not all, was printed.
 */
bool qr_print_lines(const char *text);

#endif
