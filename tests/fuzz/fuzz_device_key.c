/* SPDX-License-Identifier: Apache-2.0 */
/* The input as a machine's own file of keys (first byte 0), and as an identity that its operator chose (1).
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "device.h"
#include "fuzz.h"

static char folder[] = "/tmp/muster-fuzz-XXXXXX";
static char path[sizeof(folder) + 16];

static void remove_folder(void)
{
	unlink(path);
	rmdir(folder);
}

/* One folder for all inputs, gone at the end. */
static void make_folder(void)
{
	if (*path)
		return;
	fuzz_require(mkdtemp(folder) != NULL);
	snprintf(path, sizeof(path), "%s/device.key", folder);
	atexit(remove_folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct device *d = NULL;
	struct fault f = {0};
	if (n == 0)
		return 0;
	make_folder();
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	fuzz_require(fd >= 0 && write(fd, data + 1, n - 1) == (ssize_t)(n - 1) && close(fd) == 0);
	int error = data[0] & 1 ? device_from_seed(path, &d, &f) : device_load(folder, &d, &f);
	fuzz_require(error == f.code && !error == (d != NULL));
	if (d && d->chosen)
		fuzz_accepted(device_from_seed);
	else if (d)
		fuzz_accepted(device_load);
	if (d)
		fuzz_require(strlen(d->text) + 1 == DEVICE_ID_TEXT && d->chosen == (data[0] & 1));
	device_free(d);
	return 0;
}
