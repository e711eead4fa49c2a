/* LD_PRELOAD: while the file BROKEN_DISK_MARKER exists, writing or syncing files under BROKEN_DISK_FOLDER fails
   with the number BROKEN_DISK_ERRNO; with BROKEN_DISK_CALLS=sync only syncing does. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int fails(int fd, int is_sync) {
    const char *marker = getenv("BROKEN_DISK_MARKER"), *folder = getenv("BROKEN_DISK_FOLDER");
    const char *calls = getenv("BROKEN_DISK_CALLS"), *number = getenv("BROKEN_DISK_ERRNO");
    char link[64], path[4096];
    int before = errno;
    if (!marker || !folder || !number || access(marker, F_OK) || (!is_sync && calls && !strcmp(calls, "sync"))) {
        errno = before;
        return 0;
    }
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = before;
    if (length < 0) return 0;
    path[length] = 0;
    if (strncmp(path, folder, strlen(folder))) return 0;
    errno = atoi(number);
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fsync(int fd) { return fails(fd, 1) ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return fails(fd, 1) ? -1 : REAL(fdatasync)(fd); }
ssize_t write(int fd, const void *from, size_t size) { return fails(fd, 0) ? -1 : REAL(write)(fd, from, size); }
ssize_t pwrite(int fd, const void *from, size_t size, off_t at) {
    return fails(fd, 0) ? -1 : REAL(pwrite)(fd, from, size, at);
}
ssize_t pwrite64(int fd, const void *from, size_t size, off64_t at) {
    return fails(fd, 0) ? -1 : REAL(pwrite64)(fd, from, size, at);
}
