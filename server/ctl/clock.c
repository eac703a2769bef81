/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl host accept-clock: the host doubts its clock, and somebody who has looked says that it is right.
 */
#include <stdio.h>

#include "commands.h"
#include "confirm.h"
#include "print.h"
#include "request.h"

int host_clock_run(struct invocation *inv)
{
	struct request req = {.method = "POST", .path = "/v1/host/clock", .body = ""};
	struct reply reply;
	if (!confirm_given(inv)) {
		if (!confirm_possible(inv))
			return failure_say(inv, E_USAGE,
					   "leases and counts will go by the host's clock; look at it "
					   "('date'), then confirm with --yes");
		if (!confirm_ask("Leases and counts will go by the host's clock. Is it right?"))
			return 1;
	}
	int code = request_run(inv, &req, &reply);
	if (code)
		return code;
	if (invocation_has(inv, "json"))
		print_json(reply.json);
	else
		printf("the host believes its clock: %s\n",
		       json_string_value(json_object_get(reply.json, "accepted")));
	reply_fini(&reply);
	return 0;
}
