/* SPDX-License-Identifier: Apache-2.0 */
/* A text as a QR code on a terminal. Main thread. */
#ifndef CLI_QR_H
#define CLI_QR_H

#include <stdbool.h>

/* Was the program built with it? */
bool qr_known(void);

/* Print it with block characters, two rows of modules in a line; light ones are drawn. False: the text is too
 * long, or there is no memory. */
bool qr_print(const char *text);

#endif
