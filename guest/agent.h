/* What the parts of the agent know of each other. */
#pragma once
#define _GNU_SOURCE
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol.h"

/* A frame is sent in one write: the console driver takes at most 32 KiB of it at once. */
#define SEND_BYTES 32768u
#define SEND_PAYLOAD (SEND_BYTES - HEADER_BYTES)

/* channel.c: frames over the virtio-serial port. */
struct payload {
	const uint8_t *at, *end;
	bool broken; /* a field ran past the end */
};

struct span {
	const uint8_t *data;
	uint32_t length;
};

bool channel_open(void);
int channel_fd(void);
/* Reads what is there and hands each whole frame to handle_frame. */
void channel_read(void);
void channel_send(enum message type, uint32_t stream, const void *payload, size_t length);
/* Sends SEND_BYTES-sized buffers whose first HEADER_BYTES are still free: one copy less for bulk data. */
void channel_send_in_place(enum message type, uint32_t stream, uint8_t *buffer, size_t length);
uint32_t take_u32(struct payload *p);
uint64_t take_u64(struct payload *p);
struct span take_bytes(struct payload *p);
char *take_string(struct payload *p);
char **take_list(struct payload *p);
void free_list(char **list);
uint32_t *take_u32s(struct payload *p, uint32_t *count);
uint64_t *take_u64s(struct payload *p, uint32_t *count);
void send_done(uint32_t stream, int error, const char *what);

/* main.c: where each frame goes. */
void handle_frame(enum message type, uint32_t stream, struct payload payload);

/* stream.c: what runs under a stream number, and its bytes on the way. */
struct stream;
struct stream *stream_new(uint32_t id);
struct stream *stream_find(uint32_t id);
struct stream *stream_of_pid(pid_t pid);
void stream_take_stdin(struct stream *s, const uint8_t *data, size_t length);
void stream_credit(struct stream *s, uint32_t fd, uint32_t bytes);
/* A new conversation begins: what was asked for in the old one goes on without a listener. */
void streams_orphan(void);
/* Waits for the channel, a child's end or any stream, and moves what can be moved. */
void streams_step(int signal_fd);

/* exec.c and files.c: requests. */
void exec_start(uint32_t stream, struct payload *p);
void exec_reap(int signal_fd);
void file_put(uint32_t stream, struct payload *p);
void file_stat(uint32_t stream, struct payload *p);
void file_list(uint32_t stream, struct payload *p);
void file_get(uint32_t stream, struct payload *p);

/* mounts.c */
void mount_early(void);
void mount_export(uint32_t stream, struct payload *p);
/* Whether all that was asked for is mounted. */
bool mounts_complete(void);

/* net.c */
void bring_up_loopback(void);
void configure_net(uint32_t stream, struct payload *p);

/* system.c */
void load_modules(void);
void set_clock(struct payload *p);
void add_entropy(const uint8_t *data, size_t length);
void set_hostname(struct payload *p);
_Noreturn void power_off(void);
/* One line for the ready frame, or for the console when there is no channel. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *const *notes(uint32_t *count);
void *must_alloc(size_t bytes);
