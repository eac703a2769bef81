/* SPDX-License-Identifier: Apache-2.0 */
/* The primitives alone, as one line of JSON. */
#include "primitives.h"

int main(void)
{
	bench_must(sodium_init() < 0 ? E_INTERNAL : 0, "libsodium");
	struct primitives p = primitives_measure();
	printf("{\"x25519_pair_us\":%.2f,\"x25519_us\":%.2f,\"sign_us\":%.2f,\"verify_us\":%.2f}\n", p.pair,
	       p.exchange, p.sign, p.verify);
	return 0;
}
