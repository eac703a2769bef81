/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call for products of one vendor, from discovery to stored answers: hosts are tried until each product
 * has a final answer. Exactly once: the request's token is on disk before it is sent, and stays there until
 * its answer is stored.
 */
#ifndef CLIENT_FLOW_H
#define CLIENT_FLOW_H

#include "client.h"

/*
 * Run a call. Each of its products gets an outcome in the handle, and a record that knows what came of it.
 * Returns 0 when the hosts were asked, whatever they said; or an error of this machine (in m->fault), such as
 * E_IO: then nothing was sent that is not on disk.
 */
int flow_run(struct work *, const struct trust_key *vendor, const struct call *, struct deadline);

#endif
