/* SPDX-License-Identifier: Apache-2.0 */
/* What comes before the first input of any target. */
#include <stdio.h>

#include "fuzz.h"

/* What is told to people is thrown away; sanitizers write to the descriptor and stay heard. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_require(sodium_init() >= 0);
	stderr = fopen("/dev/null", "we");
	fuzz_require(stderr != NULL);
	return 0;
}
