/* A PID 1 that means harm, in one of several ways (-DMODE=…): test/e2e/hostile.test.ts. */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "../../guest/protocol.h"

enum { SILENT, GARBAGE, HUGE_FRAME, UNASKED_OUTPUT, FLOOD_CONSOLE, DEAF, CLOSES, FALSE_CREDIT };

static int port;

static void frame(uint16_t type, uint32_t stream, const void *data, uint32_t length)
{
	static uint8_t buffer[70000];
	memcpy(buffer, &length, 4);
	memcpy(buffer + 4, &type, 2);
	memset(buffer + 6, 0, 2);
	memcpy(buffer + 8, &stream, 4);
	memcpy(buffer + 12, data, length);
	for (uint32_t at = 0; at < 12 + length;) {
		ssize_t n = write(port, buffer + at, 12 + length - at);
		if (n < 0)
			_exit(1);
		at += n;
	}
}

static void open_port(void)
{
	mount("devtmpfs", "/dev", "devtmpfs", 0, "");
	/* The one port of the machine. */
	while ((port = open("/dev/vport0p1", O_RDWR)) < 0 && (port = open("/dev/vport1p1", O_RDWR)) < 0 &&
	       (port = open("/dev/vport2p1", O_RDWR)) < 0)
		usleep(10000);
}

static void read_exactly(uint8_t *at, uint32_t length)
{
	while (length > 0) {
		ssize_t n = read(port, at, length);
		if (n <= 0)
			usleep(1000);
		else
			at += n, length -= n;
	}
}

static void misbehave(uint32_t stream)
{
	static uint8_t noise[60000];
	int console = open("/dev/console", O_WRONLY);
	switch (MODE) {
	case UNASKED_OUTPUT: /* far beyond its credit */
		for (;;)
			frame(MSG_STDOUT, stream, noise, sizeof noise);
	case FLOOD_CONSOLE:
		memset(noise, 'x', sizeof noise);
		for (;;)
			if (write(console, noise, sizeof noise) < 0)
				_exit(1);
	case CLOSES:
		_exit(0);
	case FALSE_CREDIT: {
		uint32_t credit[2] = { 0, 0xffffffff };
		frame(MSG_CREDIT, stream, credit, sizeof credit);
		break;
	}
	}
	for (;;)
		pause();
}

int main(void)
{
	static uint8_t payload[1 << 20];
	uint32_t done[2] = { 0, 0 };
	if (MODE == SILENT)
		for (;;)
			pause();
	open_port();
	if (MODE == GARBAGE) {
		int source = open("/dev/urandom", O_RDONLY);
		for (;;)
			if (read(source, payload, 4096) < 0 || write(port, payload, 4096) < 0)
				_exit(1);
	}
	if (MODE == HUGE_FRAME) {
		uint32_t header[3] = { 0xfffffff0, 8, 1 };
		if (write(port, header, sizeof header) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	for (;;) {
		uint8_t header[12];
		uint32_t length, stream;
		read_exactly(header, 12);
		memcpy(&length, header, 4);
		memcpy(&stream, header + 8, 4);
		read_exactly(payload, length);
		if (header[4] == MSG_HELLO) {
			uint8_t ready[] = { PROTOCOL_VERSION, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 'x', 0, 0, 0, 0 };
			frame(MSG_READY, stream, ready, sizeof ready);
		} else if (header[4] == MSG_MOUNT || header[4] == MSG_PUT) {
			frame(MSG_DONE, stream, done, sizeof done);
		} else if (header[4] == MSG_EXEC) {
			uint32_t pid = 2;
			frame(MSG_STARTED, stream, &pid, 4);
			misbehave(stream);
		}
	}
}
