/* SPDX-License-Identifier: Apache-2.0 */
#include "show.h"

#include "print.h"

int show_answer(const struct invocation *inv, const struct request *req, int (*print)(json_t *answer))
{
	struct reply reply;
	int error = 0;
	int code = request_run(inv, req, &reply);
	if (code)
		return code;
	if (invocation_has(inv, "json"))
		print_json(reply.json);
	else
		error = print(reply.json);
	reply_fini(&reply);
	return error ? failure_say(inv, error, "the answer could not be printed") : 0;
}
