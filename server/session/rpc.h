/* SPDX-License-Identifier: Apache-2.0 */
/* Between messages and jobs: a request becomes plain values, an outcome becomes a response. Pure; any thread.
 */
#ifndef SERVER_RPC_H
#define SERVER_RPC_H

#include "job.h"
#include "message.h"

/*
 * The job of a request from a device whose X25519 key the handshake has proved. *ret_job: the caller's, or
 * NULL when the call needs none. E_UNKNOWN_CALL; E_BAD_REQUEST: a field is missing or wrong; E_NO_MEMORY.
 */
int rpc_job(const wire_request *, const uint8_t fixed[NOISE_KEY], struct job **ret_job);

/* The response to a call that needs no job. */
void rpc_instant(const wire_request *, int64_t now, wire_response *ret);

/* The response to a finished job. */
void rpc_response(const struct job *, wire_response *ret);

/* A response that only refuses. */
void rpc_refusal(uint32_t request_id, int code, unsigned retry_after, int64_t now, wire_response *ret);

#endif
