/* SPDX-License-Identifier: Apache-2.0 */
/* The input as what the host has kept of a device's last answer (first byte 0) and of its hardware (1). What
 * can be read can be written, and reads the same again. */
#include "fuzz.h"
#include "likeness.h"
#include "ratchet.h"

static void read_answer(const uint8_t *data, size_t n)
{
	struct answer answer;
	uint8_t copy[ANSWER_MAX];
	uint8_t again[ANSWER_MAX];
	if (!answer_read(data, n, &answer))
		return;
	fuzz_accepted(answer_read);
	size_t size = answer_write(&answer, copy);
	fuzz_require(answer_read(copy, size, &answer));
	fuzz_require(answer_write(&answer, again) == size && memcmp(copy, again, size) == 0);
}

static void read_hardware(const uint8_t *data, size_t n)
{
	struct hardware hardware;
	uint8_t copy[3 * LIMIT_COMPONENTS];
	if (!likeness_read(data, n, &hardware))
		return;
	fuzz_accepted(likeness_read);
	fuzz_require(likeness_write(&hardware, copy) == n && memcmp(copy, data, n) == 0);
	fuzz_require(likeness_same(&hardware, &hardware, 100));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n == 0)
		return 0;
	if (data[0] & 1)
		read_hardware(data + 1, n - 1);
	else
		read_answer(data + 1, n - 1);
	return 0;
}
