/* Generated from src/guest/protocol.ts by `npm run generate`. Do not edit. */
#pragma once
#define PROTOCOL_VERSION 3u
#define HEADER_BYTES 12u
#define MAX_GUEST_PAYLOAD 65536u
#define MAX_HOST_PAYLOAD 8388608u
#define STDIN_WINDOW 1048576u
#define OUTPUT_WINDOW 4194304u
#define EXEC_TTY 1u
#define MOUNT_KIND_9P 1u
#define MOUNT_KIND_VIRTIOFS 2u
#define MOUNT_READ_ONLY 1u
#define MOUNT_OVERLAY 2u
#define MOUNT_ROOT 4u

enum message {
	/* host: opens the conversation; the agent answers ready. Payload: u32 version */
	MSG_HELLO = 1,
	/* guest: the agent is up. Payload: u32 version, u64 uptimeMs, bytes release, list notes */
	MSG_READY = 2,
	/* host: asks for a sign of life. Payload: u64 token */
	MSG_PING = 3,
	/* guest: the sign of life. Payload: u64 token */
	MSG_PONG = 4,
	/* host: starts a command on this stream; limits are (RLIMIT number, soft, hard) in rows of three. Payload: u32 flags, u32 uid, u32 gid, u32 rows, u32 cols, bytes cwd, u32s groups, u64s limits, list argv, list env */
	MSG_EXEC = 5,
	/* guest: the command runs. Payload: u32 pid */
	MSG_STARTED = 6,
	/* host: bytes for the command or the file; an empty frame is the end. Payload: rest data */
	MSG_STDIN = 7,
	/* guest: bytes from the command or the file; an empty frame is the end. Payload: rest data */
	MSG_STDOUT = 8,
	/* guest: as stdout. Payload: rest data */
	MSG_STDERR = 9,
	/* both: the reader of a stream (0, 1 or 2) will take that many bytes more. Payload: u32 fd, u32 bytes */
	MSG_CREDIT = 10,
	/* host: new window size. Payload: u32 rows, u32 cols */
	MSG_RESIZE = 11,
	/* host: signals the command's process group. Payload: u32 number */
	MSG_SIGNAL = 12,
	/* guest: the command ended: by itself (signal 0) or by a signal. Payload: i32 code, u32 signal, u64 maxRssKiB, u64 cpuMs */
	MSG_EXITED = 13,
	/* guest: the request of this stream ended; errno 0 is success, what names the step that failed. Payload: u32 errno, bytes what */
	MSG_DONE = 14,
	/* host: writes a file from the stdin frames that follow, or a directory or symbolic link, as the type in the mode says; answered by done. Payload: u32 mode, u32 uid, u32 gid, bytes path */
	MSG_PUT = 15,
	/* host: reads a file: its facts, stdout frames, done. Payload: bytes path */
	MSG_GET = 16,
	/* host: sets the clock. Payload: u64 seconds, u32 nanos */
	MSG_CLOCK = 17,
	/* host: credits random bytes. Payload: rest data */
	MSG_ENTROPY = 18,
	/* host: sets the host name. Payload: bytes hostname */
	MSG_HOSTNAME = 19,
	/* host: mounts an export as root or share; files (path and content in turn) stand over those of an overlay; answered by done. Payload: u32 kind, u32 flags, bytes tag, bytes target, bytes options, list files */
	MSG_MOUNT = 20,
	/* host: writes back what shares still hold; answered by done. Payload: none */
	MSG_SYNC = 21,
	/* guest: the file of a get, before its bytes. Payload: u32 mode, u64 size */
	MSG_FILE = 23,
	/* host: asks what a path is; answered by done, whose what is directory, file, or other. Payload: bytes path */
	MSG_STAT = 24,
	/* host: lists a directory and all below it into stdout frames, as records of mode (octal), space, path, NUL; then done. Payload: bytes path */
	MSG_LIST = 26,
	/* host: configures the network card that is known by one hardware address, and gives it another; addresses are IPv4 numbers, 0 for none; answered by done. Payload: u32 address, u32 prefix, u32 gateway, bytes mac, bytes knownAs */
	MSG_NET = 25,
	/* host: ends the transfer of this stream, of which nothing stays; answered by the done of that. Payload: none */
	MSG_CANCEL = 27,
	/* host: ends the machine. Payload: none */
	MSG_POWEROFF = 22,
};
