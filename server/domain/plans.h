/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans of one holder from all that was wished for (DESIGN 3, Plans): the union, without what excludes each
 * other and without what lacks a plan it needs. A function of the wishes and their order alone. Pure; any
 * thread.
 */
#ifndef SERVER_PLANS_H
#define SERVER_PLANS_H

#include "facts.h"
#include "product.h"

/*
 * The plans that hold. granted: those of the grant. wishes: bits of the product's plans, 0 for all of the
 * grant's, the weightiest first; a wish that excludes a plan of one before it, or two of its own, is passed
 * over as a whole. ret: the first trouble that was met; code 0: none.
 */
uint32_t plans_union(const struct product *, uint32_t granted, const uint32_t *wishes, size_t n,
		     struct plan_trouble *ret);

#endif
