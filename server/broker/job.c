/* SPDX-License-Identifier: Apache-2.0 */
#include "job.h"

#include <sodium.h>
#include <stdlib.h>

#include "change.h"

void correlation_make(char out[CORRELATION_TEXT])
{
	uint8_t random[(CORRELATION_TEXT - 1) / 2];
	randombytes_buf(random, sizeof(random));
	sodium_bin2hex(out, CORRELATION_TEXT, random, sizeof(random));
}

struct job *job_new(enum job_kind kind, size_t n_lines)
{
	struct job *job = calloc(1, sizeof(*job) + n_lines * sizeof(job->lines[0]));
	if (!job)
		return NULL;
	job->kind = kind;
	job->n_lines = n_lines;
	correlation_make(job->correlation);
	return job;
}

void job_free(struct job *job)
{
	if (!job)
		return;
	for (size_t i = 0; i < job->n_lines; i++) {
		free(job->lines[i].lease);
		free(job->lines[i].certificate);
	}
	for (size_t i = 0; i < job->n_parts; i++)
		job_free(job->parts[i]);
	free(job->parts);
	free(job->answer);
	orders_free(job->orders);
	free(job->why);
	sodium_memzero(job->signin_code, sizeof(job->signin_code));
	free(job->text);
	free(job->covering);
	json_decref(job->event_detail);
	free(job);
}
