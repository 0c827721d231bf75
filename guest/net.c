/* The guest's network: configured by the host's word, without DHCP. */
#include "agent.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define INTERFACES "/sys/class/net"

void bring_up_loopback(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return; /* a kernel without IPv4 */
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
}

static bool has_address(const char *name, struct span mac)
{
	struct ifreq request = { 0 };
	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool same = fd >= 0 && ioctl(fd, SIOCGIFHWADDR, &request) == 0 &&
		    memcmp(request.ifr_hwaddr.sa_data, mac.data, 6) == 0;
	if (fd >= 0)
		close(fd);
	return same;
}

/*
 * The card of a hardware address: their order and names are the kernel's affair. What it makes by itself (sit0, dummy0) has no
 * device.
 */
static bool find_interface(char name[IFNAMSIZ], struct span mac)
{
	DIR *dir = opendir(INTERFACES);
	bool found = false;
	for (struct dirent *e; dir && !found && (e = readdir(dir));) {
		char path[300];
		snprintf(path, sizeof path, INTERFACES "/%s/device", e->d_name);
		if (e->d_name[0] == '.' || access(path, F_OK) < 0)
			continue;
		snprintf(name, IFNAMSIZ, "%.15s", e->d_name);
		found = has_address(name, mac);
	}
	if (dir)
		closedir(dir);
	return found;
}

static struct sockaddr address_of(uint32_t number)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(number) };
	struct sockaddr out;
	memcpy(&out, &in, sizeof out);
	return out;
}

static const char *set_up(int fd, const char *name, uint32_t address, uint32_t prefix, struct span mac)
{
	struct ifreq request = { 0 };
	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
	/* A clone's card still has its template's address. */
	request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(request.ifr_hwaddr.sa_data, mac.data, 6);
	if (ioctl(fd, SIOCSIFHWADDR, &request) < 0)
		return "hardware address";
	if (address) {
		request.ifr_addr = address_of(address);
		if (ioctl(fd, SIOCSIFADDR, &request) < 0)
			return "address";
		request.ifr_netmask = address_of(prefix ? ~0u << (32 - prefix) : 0);
		if (ioctl(fd, SIOCSIFNETMASK, &request) < 0)
			return "netmask";
	}
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	return ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? "up" : NULL;
}

static const char *add_gateway(int fd, uint32_t gateway)
{
	struct rtentry route = {
		.rt_dst = address_of(0),
		.rt_genmask = address_of(0),
		.rt_gateway = address_of(gateway),
		.rt_flags = RTF_UP | RTF_GATEWAY,
	};
	return ioctl(fd, SIOCADDRT, &route) < 0 ? "route" : NULL;
}

void configure_net(uint32_t stream, struct payload *p)
{
	uint32_t address = take_u32(p), prefix = take_u32(p), gateway = take_u32(p);
	struct span mac = take_bytes(p), known_as = take_bytes(p);
	char name[IFNAMSIZ];
	const char *failed = "request";
	errno = EINVAL;
	if (!p->broken && mac.length == 6 && known_as.length == 6 && prefix <= 32) {
		int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		failed = fd < 0 ? "socket" : NULL;
		if (!failed && !find_interface(name, known_as)) {
			errno = ENODEV;
			failed = "interface";
		}
		if (!failed)
			failed = set_up(fd, name, address, prefix, mac);
		if (!failed && gateway)
			failed = add_gateway(fd, gateway);
		int error = errno;
		if (fd >= 0)
			close(fd);
		errno = error;
	}
	send_done(stream, failed ? errno : 0, failed ? failed : "");
}
