/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl config: the running daemon's settings, and a check of a file before it runs. */
#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands.h"
#include "daemon.h"
#include "failure.h"
#include "listing.h"
#include "print.h"

#define DAEMON "musterd"

static const struct column columns[] = {{"section", "SECTION", NULL, 0},
					{"key", "KEY", NULL, 0},
					{"value", "VALUE", NULL, COLUMN_CUT},
					{"default", "DEFAULT", NULL, COLUMN_CUT},
					{"source", "SOURCE", NULL, 0},
					{"file", "FILE", NULL, COLUMN_CUT},
					{"line", "LINE", NULL, COLUMN_RIGHT},
					{"reload", "RELOAD", NULL, 0},
					{NULL, NULL, NULL, 0}};

int config_show_run(struct invocation *inv)
{
	struct listing listing = {.path = "/v1/config", .columns = columns, .whole = true};
	return listing_run(inv, &listing);
}

/* Its lines go to standard error, so that standard output stays one JSON document. Returns 0 or errno. */
static int run_daemon(const char *path, char **argv, int *ret_exit)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int status;
	int error = posix_spawn_file_actions_init(&actions);
	if (error)
		return error;
	error = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	if (!error)
		error = posix_spawnp(&pid, path, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (error)
		return error;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	*ret_exit = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	return 0;
}

static int cannot_run(const struct invocation *inv, const char *path, int number)
{
	int code = number == ENOENT ? E_NOT_FOUND : E_IO;
	return failure_say(inv, code, "%s, which checks the configuration: %s", path, strerror(number));
}

int config_check_run(struct invocation *inv)
{
	static char name[] = DAEMON;
	static char check[] = "--check-config";
	static char config[] = "--config";
	char found[PATH_MAX];
	const char *path = daemon_find(found);
	char *argv[] = {name, check, inv->n_args ? config : NULL, inv->n_args ? inv->args[0] : NULL, NULL};
	int code = 1;
	if (!invocation_has(inv, "json")) {
		execvp(path, argv);
		return cannot_run(inv, path, errno);
	}
	int number = run_daemon(path, argv, &code);
	if (number)
		return cannot_run(inv, path, number);
	print_json_new(json_pack("{s:i, s:b, s:i}", "schema", 1, "ok", code == 0, "exit", code));
	return code;
}
