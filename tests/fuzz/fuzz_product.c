/* SPDX-License-Identifier: Apache-2.0 */
/* The input as the claims of a product file that the vendor signed; and its versions against each other. */
#include "fuzz.h"
#include "product.h"

static void check(const struct product_file *file, const uint8_t public[PASETO_PUBLIC],
		  const uint8_t secret[PASETO_SECRET])
{
	static struct product_file again;
	const struct product *p = &file->product;
	char *copy = NULL;
	fuzz_require(slug_ok(p->id) && p->n_plans <= LIMIT_PLANS);
	for (size_t i = 0; i < p->n_plans; i++) {
		fuzz_require(product_plan(p, p->plans[i].id) == (int)i);
		fuzz_require((p->plans[i].conflicts | p->plans[i].requires) >> p->n_plans == 0);
	}
	fuzz_use((size_t)product_covers(p, p->version_from));
	fuzz_use((size_t)product_covers(p, p->version_to));
	fuzz_use((size_t)product_covers(p, p->name));
	if (product_file_sign(file, secret, &copy))
		return;
	fuzz_require(product_file_open(copy, strlen(copy), ROOTS_OF(public), &again, NULL) == 0);
	fuzz_require(again.product.n_plans == p->n_plans && again.on_expiry == file->on_expiry);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct product_file file;
	uint8_t public[PASETO_PUBLIC];
	uint8_t secret[PASETO_SECRET];
	struct claims fault;
	fuzz_keys('v', public, secret);
	char *token = fuzz_sign(data, n, "muster.product", secret);
	if (!token)
		return 0;
	if (product_file_open(token, strlen(token), ROOTS_OF(public), &file, &fault) == 0) {
		fuzz_accepted(product_file_open);
		check(&file, public, secret);
	} else {
		fuzz_use_text(fault.where);
	}
	free(token);
	return 0;
}
