/* A stream: one command or one file transfer. */
#pragma once
#include "agent.h"

#include <sys/resource.h>

struct outlet { /* bytes on their way to the host */
	int fd;
	uint32_t credit;
	size_t place; /* among what is waited for; 0 if it is not */
};

enum stream_kind { STREAM_EXEC, STREAM_PUT, STREAM_GET };

struct stream {
	uint32_t id;
	enum stream_kind kind;
	struct stream *next;
	pid_t pid;              /* STREAM_EXEC */
	bool tty, ended;
	bool orphaned; /* whoever asked for it is gone: it goes on, unheard */
	int status;
	struct rusage usage;
	struct outlet out[2];   /* stdout and stderr; a terminal or a file has the first alone */
	int in;                 /* where stdin goes; -1 once closed */
	size_t place;           /* of it, among what is waited for; 0 if it is not */
	uint8_t *queue;         /* stdin that the command has not taken yet */
	size_t queued, queue_size;
	bool in_ended;
	uint32_t taken;         /* bytes written since the last credit */
	char *path, *temporary; /* STREAM_PUT */
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

void stream_free(struct stream *s);
/* files.c: what happens when all the bytes of a transfer have been moved. */
/* Ends a transfer: a file that was being written stays as it was. */
void file_cancel(struct stream *s);
void file_finish(struct stream *s, int error, const char *what);
/* exec.c: the last word on a command. */
void exec_finish(struct stream *s);
