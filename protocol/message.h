/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and responses as bytes and back: nanopb with static bounds (muster.options), so that untrusted
 * bytes never make us allocate. Beyond what nanopb checks, texts must be UTF-8 without NUL or control
 * characters. Any thread.
 */
#ifndef PROTOCOL_MESSAGE_H
#define PROTOCOL_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "muster.pb.h"

typedef muster_v1_ClientHello wire_client_hello;
typedef muster_v1_ServerHello wire_server_hello;
typedef muster_v1_Request wire_request;
typedef muster_v1_Response wire_response;
typedef muster_v1_Result wire_result;
typedef muster_v1_Status wire_status;
typedef muster_v1_Want wire_want;
typedef muster_v1_Device wire_device;
typedef muster_v1_Once wire_once;

/* Decode all n bytes; *ret is set as a whole. E_MALFORMED: not this message, or beyond its bounds. */
int client_hello_read(const uint8_t *bytes, size_t n, wire_client_hello *ret);
int server_hello_read(const uint8_t *bytes, size_t n, wire_server_hello *ret);
int request_read(const uint8_t *bytes, size_t n, wire_request *ret);
int response_read(const uint8_t *bytes, size_t n, wire_response *ret);

/* Encode into out, *ret_n bytes. E_TOO_LARGE: more than room. */
int client_hello_write(const wire_client_hello *, uint8_t *out, size_t room, size_t *ret_n);
int server_hello_write(const wire_server_hello *, uint8_t *out, size_t room, size_t *ret_n);
int request_write(const wire_request *, uint8_t *out, size_t room, size_t *ret_n);
int response_write(const wire_response *, uint8_t *out, size_t room, size_t *ret_n);

/* The answer to GetRevocations: what is behind offset characters of the list, as much as fits. */
void revocations_part(const char *list, size_t offset, muster_v1_Revocations *ret);

#endif
