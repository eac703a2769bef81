/* SPDX-License-Identifier: Apache-2.0 */
#include "job.h"

#include <sodium.h>
#include <stdlib.h>

#include "change.h"
#include "error.h"

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

bool job_shows_code(const struct job *job)
{
	bool shows = job->signin_code[0] != 0;
	for (size_t i = 0; i < job->n_lines; i++)
		shows |= job->lines[i].key[0] != 0;
	return shows;
}

bool job_guessed_wrong(const struct job *job)
{
	for (size_t i = 0; i < job->n_lines; i++) {
		switch (job->lines[i].answer.code) {
		case E_SIGNIN_REFUSED:
		case E_SIGNIN_LOCKED:
		case E_ENROL_KEY_WRONG:
		case E_KEY_UNKNOWN:
		case E_KEY_TRY_LATER:
			return true;
		default:
			break;
		}
	}
	return false;
}

bool job_granted(const struct job *job)
{
	for (size_t i = 0; i < job->n_lines; i++)
		if (job->lines[i].lease)
			return true;
	return false;
}

void job_unsign(struct job *job)
{
	for (size_t i = 0; i < job->n_lines; i++) {
		free(job->lines[i].lease);
		free(job->lines[i].certificate);
		job->lines[i].lease = job->lines[i].certificate = NULL;
	}
	for (size_t i = 0; i < job->n_parts; i++)
		job_unsign(job->parts[i]);
	free(job->answer);
	job->answer = NULL;
	job->voice.text[0] = 0;
}

void job_free(struct job *job)
{
	if (!job)
		return;
	job_unsign(job);
	for (size_t i = 0; i < job->n_lines; i++)
		sodium_memzero(job->lines[i].key, sizeof(job->lines[i].key));
	for (size_t i = 0; i < job->n_parts; i++)
		job_free(job->parts[i]);
	free(job->parts);
	orders_free(job->orders);
	free(job->why);
	sodium_memzero(job->signin_code, sizeof(job->signin_code));
	free(job->text);
	free(job->covering);
	json_decref(job->event_detail);
	free(job);
}
