/* Fills every channel of a guest with garbage for some seconds: console, block of 9p, network. Run as root in a guest. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static uint8_t noise[1500];

static void shuffle(void)
{
	for (size_t i = 0; i < sizeof noise; i++)
		noise[i] = rand();
}

int main(int argc, char **argv)
{
	time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 3);
	int console = open("/dev/ttyS0", O_WRONLY | O_NONBLOCK), kernel = open("/dev/kmsg", O_WRONLY);
	int raw = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = if_nametoindex("eth0"), .sll_halen = 6 };
	long frames = 0;
	while (time(NULL) < end) {
		shuffle();
		if (write(console, noise, 400) < 0 || write(kernel, "noise\n", 6) < 0)
			usleep(10);
		/* Every length, every source and target address, broadcasts among them. */
		if (frames % 3 == 0)
			memset(noise, 0xff, 6);
		if (sendto(raw, noise, 14 + rand() % 1400, 0, (struct sockaddr *)&to, sizeof to) > 0)
			frames++;
	}
	/* Other ports of the channel than the agent's: there is none to be opened. */
	for (int n = 0; n < 8; n++) {
		char path[64];
		snprintf(path, sizeof path, "/dev/vport%dp1", n);
		int port = open(path, O_WRONLY | O_NONBLOCK);
		if (port >= 0 && write(port, noise, sizeof noise) > 0)
			printf("wrote to %s\n", path);
	}
	printf("%ld frames\n", frames);
	return 0;
}
