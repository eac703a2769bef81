/* SPDX-License-Identifier: Apache-2.0 */
/* The input as the claims of an answer that the host signed, then judged as a device does. */
#include "fuzz.h"
#include "offline_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t vendor[PASETO_PUBLIC];
	uint8_t vendor_secret[PASETO_SECRET];
	uint8_t host[PASETO_PUBLIC];
	uint8_t host_secret[PASETO_SECRET];
	static struct offline_answer a;
	static struct offline_answer again;
	static struct lease lease;
	static struct certificate cert;
	struct offline_label label;
	struct claims fault;
	char *copy = NULL;
	fuzz_keys('v', vendor, vendor_secret);
	fuzz_keys('h', host, host_secret);
	char *token = fuzz_sign(data, n, "muster.answer", host_secret);
	if (!token)
		return 0;
	size_t length = strlen(token);
	int labelled = offline_answer_label(token, length, &label);
	if (offline_answer_open(token, length, host, &a, &fault) == 0) {
		fuzz_accepted(offline_answer_open);
		fuzz_require(labelled == 0 && slug_ok(a.product));
		fuzz_require(memcmp(a.device, label.device, DEVICE_ID) == 0);
		if (offline_answer_sign(&a, host_secret, &copy) == 0)
			fuzz_require(offline_answer_open(copy, strlen(copy), host, &again, NULL) == 0);
		free(copy);
	} else {
		fuzz_use_text(fault.where);
	}
	if (offline_answer_verify(token, length, ROOTS_OF(vendor), "acme-cad", NULL, &again, &lease, &cert) ==
	    0) {
		fuzz_accepted(offline_answer_verify);
		fuzz_require(memcmp(again.device, lease.device, DEVICE_ID) == 0);
	}
	free(token);
	return 0;
}
