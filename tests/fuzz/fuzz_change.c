/* SPDX-License-Identifier: Apache-2.0 */
/* The input as the body of POST /v1/changes, read for an owner and for helpdesk. What is read has what its
 * kind needs. */
#include "fuzz.h"

#include "change_read.h"
#include "error.h"

static int resolve(void *context, const char *text, char ret_id[DEVICE_ID_TEXT], const char **ret_why)
{
	(void)context;
	*ret_why = NULL;
	if (text[0] != 'd')
		return E_NOT_FOUND;
	memset(ret_id, 'D', DEVICE_ID_TEXT - 1);
	ret_id[DEVICE_ID_TEXT - 1] = 0;
	return 0;
}

static void check(const struct orders *o)
{
	size_t n;
	const struct change_member *members = change_members(&n);
	for (size_t i = 0; i < o->n; i++) {
		const struct change *c = &o->changes[i];
		unsigned needs = change_needs(c->kind);
		fuzz_use_text(change_name(c->kind));
		fuzz_require(!(needs & ORDER_USER) || c->user);
		fuzz_require(!(needs & ORDER_DEVICE) || c->device);
		fuzz_require(!(needs & ORDER_PRODUCT) || c->product);
		fuzz_require(!(needs & ORDER_SUBJECT) || c->user || c->group || c->device || c->device_group);
		fuzz_require(c->id >= 0 && c->uses >= 0 && c->days >= 0);
		for (size_t j = 0; j < n; j++) {
			bool text = members[j].type == MEMBER_TEXT || members[j].type == MEMBER_LIST;
			const char *value =
				text ? *(const char *const *)((const char *)c + members[j].at) : NULL;
			if (value)
				fuzz_use_text(value);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const enum role roles[] = {ROLE_OWNER, ROLE_HELPDESK};
	for (size_t i = 0; i < 2; i++) {
		struct orders *orders = NULL;
		char why[CHANGE_WHY] = "";
		const struct change_reader reader = {
			.body = (const char *)data, .n = n, .role = roles[i], .resolve = resolve};
		int error = change_read(&reader, &orders, why);
		if (!error) {
			fuzz_accepted(change_read);
			check(orders);
		}
		fuzz_require(strlen(why) < CHANGE_WHY);
		fuzz_require(error == 0 || error == E_BAD_REQUEST || error == E_NOT_PERMITTED ||
			     error == E_NO_MEMORY);
		if (!error)
			orders_free(orders);
	}
	return 0;
}
