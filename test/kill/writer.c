// The guest's side of the kill test: a process for each disk writes records, each followed by fsync, and prints the number of
// a record once the kernel has said that it is on disk. Static; it knows no virtio.
//
// writer DISKS: disks vda, vdb, ...; every second one (vdb, vdd, ...) has an ext4 file system, the others are written as they are.
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECTOR = 512, RECORD = 4096, SLOTS = 16 };

static char record[RECORD];

/* Every sector of a record says which record it is, and whose. */
static void fill(uint32_t disk, uint32_t number)
{
	for (uint32_t sector = 0; sector < RECORD / SECTOR; sector++) {
		uint32_t *words = (uint32_t *)(record + sector * SECTOR);
		for (uint32_t word = 0; word < SECTOR / 4; word++)
			words[word] = number ^ (disk << 24) ^ (sector << 20);
	}
}

/* One write call a line, so that lines of several processes do not mix. */
static void say(const char *what, uint32_t disk, uint32_t number)
{
	char line[64];
	int length = snprintf(line, sizeof line, "%s %u %u\n", what, disk, number);
	if (write(1, line, length) != length)
		_exit(1);
}

static int open_disk(uint32_t disk)
{
	char device[16], folder[16], path[32];
	snprintf(device, sizeof device, "/dev/vd%c", 'a' + disk);
	if (disk % 2 == 0)
		return open(device, O_WRONLY);
	snprintf(folder, sizeof folder, "/disk%u", disk);
	snprintf(path, sizeof path, "%s/records", folder);
	mkdir(folder, 0755);
	if (mount(device, folder, "ext4", 0, NULL) != 0)
		return -1;
	return open(path, O_WRONLY | O_CREAT, 0644);
}

static void work(uint32_t disk)
{
	int fd = open_disk(disk);
	if (fd < 0) {
		say("lost", disk, errno);
		_exit(1);
	}
	for (uint32_t number = 1;; number++) {
		fill(disk, number);
		if (pwrite(fd, record, RECORD, (off_t)(number % SLOTS) * RECORD) != RECORD || fsync(fd) != 0)
			break;
		say("ack", disk, number);
	}
	say("lost", disk, errno);
	_exit(0);
}

int main(int count, char **words)
{
	uint32_t disks = count > 1 ? atoi(words[1]) : 1;
	for (uint32_t disk = 0; disk < disks; disk++)
		if (fork() == 0)
			work(disk);
	while (wait(NULL) > 0)
		;
	return 0;
}
