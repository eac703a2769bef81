/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buffer.h"
#include "failure.h"
#include "jsontext.h"
#include "progress.h"

#define DAEMON "musterd"
#define ANSWER_MAX 65536

const char *daemon_find(char out[PATH_MAX])
{
	static const char *const places[] = {"/" DAEMON, "/../sbin/" DAEMON};
	char own[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
	char *slash = n > 0 ? memrchr(own, '/', (size_t)n) : NULL;
	if (slash) {
		*slash = 0;
		for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
			if (snprintf(out, PATH_MAX, "%s%s", own, places[i]) < PATH_MAX &&
			    access(out, X_OK) == 0)
				return out;
	}
	return DAEMON;
}

/* Start it between two pipes. Returns 0 or errno. */
static int spawn(char **argv, int in[2], int out[2], pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	char found[PATH_MAX];
	static char name[] = DAEMON;
	argv[0] = name;
	int error = posix_spawn_file_actions_init(&actions);
	if (error)
		return error;
	error = posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
	if (!error)
		error = posix_spawnp(ret, daemon_find(found), &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

static void read_all(int fd, const char *what, struct buffer *to)
{
	char piece[4096];
	ssize_t n = 1;
	struct progress p;
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	progress_begin(&p, what);
	while (n > 0 || (n < 0 && errno == EINTR)) {
		progress_show(&p);
		if (poll(&wait, 1, 1000) == 0)
			continue;
		n = read(fd, piece, sizeof(piece));
		if (n > 0 && buffer_append(to, piece, (size_t)n))
			break;
	}
	progress_end(&p);
}

static int exchange(const char *what, char **argv, const char *input, size_t input_n, struct buffer *answer,
		    int *ret_exit)
{
	int in[2];
	int out[2];
	pid_t pid;
	int status = 0;
	if (pipe2(in, O_CLOEXEC))
		return errno;
	if (pipe2(out, O_CLOEXEC)) {
		close(in[0]);
		close(in[1]);
		return errno;
	}
	/* Less than a pipe holds, so that it does not block. */
	int error = input && write(in[1], input, input_n) != (ssize_t)input_n ? EIO : 0;
	if (!error)
		error = spawn(argv, in, out, &pid);
	close(in[0]);
	close(out[1]);
	close(in[1]);
	if (!error)
		read_all(out[0], what, answer);
	close(out[0]);
	while (!error && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			error = errno;
	*ret_exit = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	return error;
}

static int take_answer(const struct invocation *inv, const struct buffer *answer, int exit_code, json_t **ret)
{
	struct failure f = {0};
	json_t *document = NULL;
	jsontext_read(answer->bytes, answer->used, &document, NULL);
	json_t *error = json_object_get(document, "error");
	if (json_is_object(document) && !error && exit_code == 0) {
		*ret = document;
		return 0;
	}
	if (error)
		failure_take(&f, error);
	else
		failure_set(&f, E_INTERNAL, "musterd gave %d", exit_code);
	int code = failure_print(inv, &f);
	failure_fini(&f);
	json_decref(document);
	return code;
}

int daemon_run(const struct invocation *inv, const char *what, char **argv, const char *input, size_t input_n,
	       json_t **ret_json)
{
	struct buffer answer;
	int exit_code = 1;
	buffer_init(&answer, ANSWER_MAX);
	int number = exchange(what, argv, input, input_n, &answer, &exit_code);
	int code = number ? failure_say(inv, number == ENOENT ? E_NOT_FOUND : E_IO, "musterd: %s",
					strerror(number))
			  : take_answer(inv, &answer, exit_code, ret_json);
	buffer_fini(&answer);
	return code;
}
