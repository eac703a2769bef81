/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of the table in main.c. Each tells its own failures and returns the exit code. Main thread. */
#ifndef ISSUER_COMMANDS_H
#define ISSUER_COMMANDS_H

#include <stdint.h>

#include "command.h"

/* What every command is given: the instant at which it all happens. */
struct issuer {
	int64_t now;
};

/* The instant of an invocation. */
static inline int64_t issuer_now(const struct invocation *inv)
{
	return ((const struct issuer *)inv->context)->now;
}

int init_run(struct invocation *);
int product_add_run(struct invocation *);
int product_list_run(struct invocation *);
int product_export_run(struct invocation *);
int license_issue_run(struct invocation *);
int product_add_plan_run(struct invocation *);
int license_renew_run(struct invocation *);
int license_revoke_run(struct invocation *);
int license_list_run(struct invocation *);
int license_show_run(struct invocation *);
int host_certify_run(struct invocation *);
int host_list_run(struct invocation *);
int host_revoke_run(struct invocation *);
int key_generate_run(struct invocation *);
int key_list_run(struct invocation *);
int key_block_run(struct invocation *);
int revocations_run(struct invocation *);
int serve_run(struct invocation *);
int host_key_run(struct invocation *);
int signer_create_run(struct invocation *);
int signer_list_run(struct invocation *);
int signer_revoke_run(struct invocation *);
int root_next_run(struct invocation *);
int root_switch_run(struct invocation *);
int verify_run(struct invocation *);

#endif
