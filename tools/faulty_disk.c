/* A disk that is slow, stands still, takes less than it is given, or forgets: preloaded before a program that records.
 *
 * In: environment variables. FAULTY_DISK_SUFFIX: only files whose name ends so meet the faults.
 *   FAULTY_DISK_DELAY_US     every writev takes that much longer
 *   FAULTY_DISK_STALL_AT     this writev (counted from 0) takes FAULTY_DISK_STALL_MS longer
 *   FAULTY_DISK_SHORT_SEED   every second writev, by chance, takes a part only, cut at a random byte
 *   FAULTY_DISK_FAIL_AT      this fdatasync (counted from 0) fails once with EIO; later ones succeed
 *   FAULTY_DISK_LOG          file that gets one line per fdatasync: length of the file before it, and its result
 * Out: the calls writev and fdatasync of the C library with these faults. Its lie: what a failed fdatasync was to keep
 * is still in the file; the log says up to where it was kept before. Not here: who judges (see campaign_recording.py).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { MOST_PARTS = 1024 };

static atomic_long writes, syncs;

static long number(const char *name, long otherwise) {
    const char *text = getenv(name);
    return text && *text ? atol(text) : otherwise;
}

static int is_meant(int handle) {
    char link[64], path[PATH_MAX];
    const char *suffix = getenv("FAULTY_DISK_SUFFIX");
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (!suffix || length < (ssize_t)strlen(suffix)) return 0;
    path[length] = 0;
    return !strcmp(path + length - strlen(suffix), suffix);
}

static void wait_us(long time_us) {
    struct timespec rest = {time_us / 1000000, time_us % 1000000 * 1000};
    while (time_us > 0 && nanosleep(&rest, &rest) && errno == EINTR) {
    }
}

/* Return a number that looks random: xorshift of seed and place (Marsaglia 2003). */
static unsigned long drawn(unsigned long seed, unsigned long place) {
    unsigned long x = seed * 0x9e3779b97f4a7c15UL + place + 1;
    for (int round = 0; round < 4; round++) x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return x;
}

ssize_t writev(int handle, const struct iovec *parts, int count) {
    static ssize_t (*real)(int, const struct iovec *, int);
    if (!real) real = (ssize_t(*)(int, const struct iovec *, int))dlsym(RTLD_NEXT, "writev");
    if (count > MOST_PARTS || !is_meant(handle)) return real(handle, parts, count);
    long place = atomic_fetch_add(&writes, 1), seed = number("FAULTY_DISK_SHORT_SEED", 0);
    wait_us(number("FAULTY_DISK_DELAY_US", 0));
    if (place == number("FAULTY_DISK_STALL_AT", -1)) wait_us(1000 * number("FAULTY_DISK_STALL_MS", 0));
    size_t size = 0;
    for (int part = 0; part < count; part++) size += parts[part].iov_len;
    if (!seed || size < 2 || drawn(seed, place) & 1) return real(handle, parts, count);
    struct iovec cut[MOST_PARTS];
    size_t left = 1 + drawn(seed, place) / 2 % (size - 1);
    int taken = 0;
    for (; left; taken++) {
        cut[taken] = parts[taken];
        if (cut[taken].iov_len > left) cut[taken].iov_len = left;
        left -= cut[taken].iov_len;
    }
    return real(handle, cut, taken);
}

int fdatasync(int handle) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    if (!is_meant(handle)) return real(handle);
    struct stat found;
    long size = fstat(handle, &found) ? -1 : (long)found.st_size;
    int fails = atomic_fetch_add(&syncs, 1) == number("FAULTY_DISK_FAIL_AT", -1);
    int result = fails ? -1 : real(handle);
    const char *log = getenv("FAULTY_DISK_LOG");
    if (log) {
        char line[64];
        int length = snprintf(line, sizeof line, "%ld %d\n", size, result);
        int file = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (file < 0 || write(file, line, length) != length) abort();
        close(file);
    }
    if (fails) errno = EIO;
    return result;
}
