/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network, in place of client/dial.c and client/dialog.c: a call becomes the host's job by its rpc.h at
 * once, later, or never, and the answer may be lost. What a session must show of itself (when it was greeted)
 * is kept.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "credentials.h"
#include "dial.h"
#include "dialog.h"
#include "error.h"
#include "frame.h"
#include "rpc.h"
#include "world.h"

static struct {
	struct host *host;
	uint8_t fixed[NOISE_KEY];
	unsigned long long greeted;
} session;

int __wrap_dial(const struct address *rows, size_t n, struct deadline deadline, int *ret_fd,
		size_t *ret_index);
int __wrap_dialog_open(struct dialog *d, int fd, const struct noise_pair *device,
		       const uint8_t (*vendors)[PASERK_ID], size_t n, struct deadline deadline);
int __wrap_dialog_call(struct dialog *d, wire_request *request, wire_response *ret);
const uint8_t *__wrap_dialog_remote(const struct dialog *d);
unsigned __wrap_dialog_retry_after(const struct dialog *d);
void __wrap_dialog_close(struct dialog *d);

static bool lost(void)
{
	return world.weather && chance_in(world.weather);
}

/* A host's port is its number. */
int __wrap_dial(const struct address *rows, size_t n, struct deadline deadline, int *ret_fd,
		size_t *ret_index)
{
	const struct sockaddr_in *at = (const struct sockaddr_in *)&rows[0].at;
	size_t number = ntohs(at->sin_port) - 1u;
	(void)n;
	(void)deadline;
	*ret_index = 0;
	if (!machine_step() || number >= world.n_hosts || !host_is_up(&world.hosts[number]))
		return E_CONNECT_FAILED;
	*ret_fd = (int)number;
	return lost() ? E_TIMEOUT : 0;
}

int __wrap_dialog_open(struct dialog *d, int fd, const struct noise_pair *device,
		       const uint8_t (*vendors)[PASERK_ID], size_t n, struct deadline deadline)
{
	struct host *h = &world.hosts[fd];
	(void)vendors;
	(void)n;
	memset(d, 0, sizeof(*d));
	d->fd = fd;
	d->deadline = deadline;
	if (!machine_step() || lost())
		return E_CLOSED;
	session.host = h;
	session.greeted = atomic_load(&h->broker.board.batches);
	memcpy(session.fixed, device->public, NOISE_KEY);
	struct credentials *c = credentials_take(&h->broker.board);
	d->hello.version = FRAME_VERSION;
	struct clock clock = host_clock(h);
	d->hello.time = clock_wall(&clock);
	d->hello.certificates_count = c->n != 0;
	if (c->n)
		memcpy(d->hello.certificates[0], c->all[0].token, strlen(c->all[0].token) + 1);
	credentials_give_back(&h->broker.board, c);
	return 0;
}

/* Through the messages' own bounds, as the host would read it. */
static struct job *job_of(const wire_request *request)
{
	static wire_request copy;
	uint8_t bytes[LIMIT_SHOW];
	size_t n;
	struct job *job = NULL;
	if (request_write(request, bytes, sizeof(bytes), &n) || request_read(bytes, n, &copy) ||
	    rpc_job(&copy, session.fixed, &job) || !job)
		abort();
	job->may_enrol = true;
	job->greeted = session.greeted;
	return job;
}

/* It waits somewhere on the way, so long. */
static void keep_late(struct job *job, int64_t wait)
{
	if (world.n_late == WORLD_LATE)
		job_free(job);
	else
		world.late[world.n_late++] =
			(struct late){job, session.host, world.here, world.here->lives, world.now + wait};
}

/* The client does not wait. */
static int delay(struct job *job)
{
	if (chance_in(2))
		job_free(job);
	else
		keep_late(job, (int64_t)chance_below(chance_in(4) ? 20 * DAY : 2 * HOUR));
	return E_TIMEOUT;
}

static void forget(size_t i)
{
	world.late[i] = world.late[--world.n_late];
}

/* The machine has its answer, and the host has no trace of it: the session that it gave up long ago is
 * closed, too. */
static void drop_twins(const struct job *job)
{
	for (size_t i = 0; i < world.n_late;) {
		struct job *late = world.late[i].job;
		if (memcmp(late->device, job->device, DEVICE_ID) != 0 ||
		    memcmp(late->shown.token, job->shown.token, REQUEST_TOKEN) != 0) {
			i++;
			continue;
		}
		job_free(late);
		forget(i);
	}
}

/* What the host has done may come to it a second time. Not what it refused and left no trace of: a session
 * takes each message once, and the machine makes a new request of it. */
int __wrap_dialog_call(struct dialog *d, wire_request *request, wire_response *ret)
{
	struct host *h = session.host;
	request->id = ++d->last_id;
	if (!machine_step())
		return E_CLOSED;
	struct job *job = job_of(request);
	if (lost())
		return delay(job);
	if (!host_is_up(h)) {
		job_free(job);
		return E_CLOSED;
	}
	struct job *twin = world.weather && chance_in(20) ? job_of(request) : NULL;
	world.sender = world.here;
	host_run(h, &job, 1);
	world.sender = NULL;
	/* A host that died with it took its sessions along. */
	if (twin && job->batch && job->counter)
		keep_late(twin, (int64_t)chance_below(10 * DAY));
	else if (twin)
		job_free(twin);
	if (!job->batch || lost() || !machine_step()) {
		job_free(job);
		return E_CLOSED;
	}
	session.greeted = job->batch;
	if (!job->counter)
		drop_twins(job);
	check_told(h, job);
	rpc_response(job, ret);
	job_free(job);
	return 0;
}

const uint8_t *__wrap_dialog_remote(const struct dialog *d)
{
	return world.hosts[d->fd].key->fixed.public;
}

unsigned __wrap_dialog_retry_after(const struct dialog *d)
{
	(void)d;
	return 0;
}

void __wrap_dialog_close(struct dialog *d)
{
	(void)d;
}

/* --- what comes late --- */

void network_late(void)
{
	for (size_t i = 0; i < world.n_late;) {
		struct late l = world.late[i];
		if (l.at > world.now || !host_is_up(l.host)) {
			i++;
			continue;
		}
		trace("a late request comes to host %zu", l.host->number);
		forget(i);
		world.sender = l.sender;
		world.orphan = l.life != l.sender->lives;
		host_run(l.host, &l.job, 1);
		world.orphan = false;
		world.sender = NULL;
		job_free(l.job);
		i = 0; /* a host that died took some with it */
	}
}

/* The connections of a host that ends end with it. */
void network_drop(const struct host *h)
{
	for (size_t i = 0; i < world.n_late;) {
		if (world.late[i].host != h) {
			i++;
			continue;
		}
		job_free(world.late[i].job);
		forget(i);
	}
}
