/* SPDX-License-Identifier: Apache-2.0 */
#include "input.h"

#include <errno.h>
#include <string.h>

#include "failure.h"
#include "file.h"

int input_read(const struct invocation *inv, const char *path, size_t max, char **ret, size_t *ret_n)
{
	int error = file_read(path, max, ret, ret_n);
	if (error == E_IO)
		return failure_say(inv, error, "%s: %s", path, strerror(errno));
	return error ? failure_say(inv, error, "%s", path) : 0;
}
