/* SPDX-License-Identifier: Apache-2.0 */
/* The input as a TSIG key file: what is read can be written and read again. */
#include "fuzz.h"

#include <stdio.h>

#include "name.h"
#include "tsig_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct tsig_key key;
	struct tsig_key again;
	char why[TSIG_WHY];
	char text[1024];
	int line = 0;
	if (tsig_key_read((const char *)data, n, &key, &line, why)) {
		fuzz_require(line >= 1 && why[0]);
		fuzz_use_text(why);
		return 0;
	}
	fuzz_accepted(tsig_key_read);
	fuzz_require(dns_name_ok(key.name) && strlen(key.secret) >= 22);
	int written = snprintf(text, sizeof(text), "key \"%s\" { algorithm %s; secret \"%s\"; };", key.name,
			       key.algorithm, key.secret);
	fuzz_require(tsig_key_read(text, (size_t)written, &again, &line, why) == 0);
	fuzz_require(memcmp(&key, &again, sizeof(key)) == 0);
	return 0;
}
