/* SPDX-License-Identifier: Apache-2.0 */
/* The input as the host's file of keys. What opens is made of the two secrets alone. */
#include <unistd.h>

#include "fuzz.h"
#include "host_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct host_key *key;
	struct host_key *again;
	char path[FUZZ_PATH];
	int fd = fuzz_file(data, n, path);
	if (host_key_open(path, &key) == 0) {
		fuzz_accepted(host_key_open);
		fuzz_require(host_key_make(key->sign, key->fixed.secret, &again) == 0);
		fuzz_require(sodium_memcmp(key, again, sizeof(*key)) == 0);
		host_key_free(again);
		host_key_free(key);
	}
	close(fd);
	return 0;
}
