#include "agent/command.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The agent takes its signals from a descriptor and so blocks them: the command must not inherit that. */
static int spawn(pid_t *out, const char *text)
{
	posix_spawnattr_t attributes;
	posix_spawn_file_actions_t files;
	sigset_t none, standard;
	char *argv[] = {"sh", "-c", (char *)text, NULL};
	sigemptyset(&none);
	sigemptyset(&standard);
	sigaddset(&standard, SIGPIPE);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &standard);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	int error = posix_spawn(out, "/bin/sh", &files, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	return error;
}

int command_start(struct command *command, const char *text, int64_t now_mono_ms, struct err *e)
{
	if (command->pid)
		return err_set(e, ERR_BUSY, "it runs since the last time");
	int error = spawn(&command->pid, text);
	if (error) {
		command->pid = 0;
		return err_set(e, ERR_INTERNAL, "can't start /bin/sh: %s", strerror(error));
	}
	command->started_ms = now_mono_ms;
	return 0;
}

int command_look(struct command *command, int64_t now_mono_ms, struct err *e)
{
	int status = 0;
	if (!command->pid)
		return 0;
	bool late = now_mono_ms - command->started_ms >= COMMAND_MOST_MS;
	if (late)
		kill(-command->pid, SIGKILL);
	if (waitpid(command->pid, &status, late ? 0 : WNOHANG) == 0)
		return 0;
	command->pid = 0;
	if (late)
		return err_set(e, ERR_INTERNAL, "it was ended after %d s", COMMAND_MOST_MS / 1000);
	if (WIFSIGNALED(status))
		return err_set(e, ERR_INTERNAL, "it was ended by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status) ? err_set(e, ERR_INTERNAL, "it ended with status %d", WEXITSTATUS(status)) : 0;
}
