/* The feed's side of the producer: finds the simulator, maps its memory, asks it, waits for it.
 *
 * In: the folder of the .cti. Out: the mapped memory, registers read whole, answers to requests. Each wait is bounded,
 * and a simulator that is gone is noticed by the end of its socket. The functions at the end are for the simulator's
 * Python side, which cannot publish a number atomically by itself.
 */
#include "feed.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "answer.h"

_Static_assert(RIGSIM_TEXT_BYTES <= ANSWER_TEXT_BYTES, "the simulator's texts must fit into an answer");

#define REQUEST_TIMEOUT_MS 3000
#define ALIVE_CHECK_MS 50
#define SEQUENCE_TRIES 2000
#define SOCKET_NAME "rigsim.sock"

int64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A socket's address holds 107 characters; a descriptor of its folder reaches it however long the path is. */
static int connect_in(const char *folder)
{
    int directory = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -1;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" SOCKET_NAME, directory);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        int reason = errno;
        close(fd);
        fd = -1;
        errno = reason;
    }
    int reason = errno;
    close(directory);
    errno = reason;
    return fd;
}

/* Wait for one reply; a reply to an earlier request that we gave up is passed over. */
static int32_t receive(struct link *link, struct rigsim_reply *reply, int *passed_fd)
{
    int64_t until = clock_ms() + REQUEST_TIMEOUT_MS;
    for (;;) {
        int64_t left = until - clock_ms();
        struct pollfd item = {.fd = link->fd, .events = POLLIN};
        if (left <= 0 || poll(&item, 1, (int)left) == 0)
            return fail(GC_ERR_TIMEOUT, "the simulator did not answer within %d ms; is it stopped?", REQUEST_TIMEOUT_MS);
        union {
            struct cmsghdr header;
            char bytes[CMSG_SPACE(sizeof(int))];
        } control;
        struct iovec part = {.iov_base = reply, .iov_len = sizeof *reply};
        struct msghdr message = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
        ssize_t got = recvmsg(link->fd, &message, MSG_CMSG_CLOEXEC);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (got != (ssize_t)sizeof *reply || reply->magic != RIGSIM_MAGIC)
            return fail(GC_ERR_IO, "the simulator is gone; start the simulated rig again");
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        if (header && header->cmsg_type == SCM_RIGHTS) {
            int fd;
            memcpy(&fd, CMSG_DATA(header), sizeof fd);
            if (passed_fd)
                *passed_fd = fd;
            else
                close(fd);
        }
        if (reply->sequence == link->sequence)
            return GC_ERR_SUCCESS;
    }
}

static int32_t ask(struct link *link, uint32_t op, uint32_t camera, uint64_t address, const void *data, size_t length,
                   int *passed_fd)
{
    struct rigsim_request request = {
        .magic = RIGSIM_MAGIC, .op = op, .camera = camera, .address = address, .length = (uint32_t)length};
    if (length > RIGSIM_REQUEST_BYTES)
        return fail(GC_ERR_INVALID_PARAMETER, "a write of %zu bytes: at most %u", length, RIGSIM_REQUEST_BYTES);
    if (length)
        memcpy(request.data, data, length);
    request.sequence = ++link->sequence;
    if (send(link->fd, &request, sizeof request, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)sizeof request) {
        if (errno == EAGAIN)
            return fail(GC_ERR_TIMEOUT, "the simulator takes no requests; is it stopped?");
        return fail(GC_ERR_IO, "the simulator is gone; start the simulated rig again");
    }
    struct rigsim_reply reply;
    int32_t code = receive(link, &reply, passed_fd);
    if (code)
        return code;
    reply.text[RIGSIM_TEXT_BYTES - 1] = 0;
    return reply.status ? fail(reply.status, "%s", reply.text) : GC_ERR_SUCCESS;
}

int32_t link_open(struct link *link, const char *folder, int *memory_fd)
{
    int fd = connect_in(folder);
    if (fd < 0 && errno == EAGAIN)
        return fail(GC_ERR_TIMEOUT, "the simulator takes no connections; is it stopped?");
    if (fd < 0)
        return fail(GC_ERR_IO, "%s/" SOCKET_NAME ": %s; start the simulated rig that owns this producer", folder,
                    strerror(errno));
    link->fd = fd;
    link->sequence = 0;
    atomic_store(&link->checked_ms, clock_ms());
    int32_t code = ask(link, RIGSIM_OP_HELLO, 0, RIGSIM_VERSION, NULL, 0, memory_fd);
    if (code)
        link_close(link);
    return code;
}

/* Whoever waits for a reply is woken by the shutdown and lets go of the lock; only then is the number given back. */
void link_close(struct link *link)
{
    if (link->fd < 0)
        return;
    shutdown(link->fd, SHUT_RDWR);
    pthread_mutex_lock(&link->lock);
    close(link->fd);
    link->fd = -1;
    pthread_mutex_unlock(&link->lock);
}

/* Looks at the socket at most every ALIVE_CHECK_MS, so that polling a quiet camera costs no system call. */
bool link_is_alive(struct link *link)
{
    int64_t now = clock_ms();
    int64_t checked = atomic_load(&link->checked_ms);
    if (checked < 0)
        return false;
    if (now - checked < ALIVE_CHECK_MS)
        return true;
    char byte;
    ssize_t got = recv(link->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    bool is_alive = got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
    atomic_store(&link->checked_ms, is_alive ? now : -1);
    return is_alive;
}

int32_t link_request(struct link *link, uint32_t op, uint32_t camera, uint64_t address, const void *data, size_t length)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    /* Twice as long as the request under way may take, so that a stopped simulator holds nobody for ever. */
    until.tv_sec += 2 * REQUEST_TIMEOUT_MS / 1000;
    if (pthread_mutex_timedlock(&link->lock, &until))
        return fail(GC_ERR_BUSY, "another request to this camera is still under way");
    int32_t code = link->fd < 0 ? fail(GC_ERR_INVALID_HANDLE, "the camera was closed meanwhile")
                                : ask(link, op, camera, address, data, length, NULL);
    pthread_mutex_unlock(&link->lock);
    return code;
}

static bool holds(const struct rigsim_feed *memory, size_t size)
{
    return memory->magic == RIGSIM_MAGIC && memory->version == RIGSIM_VERSION && memory->size <= size &&
           memory->camera_count <= RIGSIM_MAX_CAMERAS && memory->camera_stride >= sizeof(struct rigsim_camera) &&
           memory->camera_offset + memory->camera_count * memory->camera_stride <= size;
}

int32_t feed_open(struct feed *feed, const char *folder)
{
    int fd = -1;
    int32_t code = link_open(&feed->link, folder, &fd);
    if (code)
        return code;
    struct stat status;
    void *memory = MAP_FAILED;
    if (fd >= 0 && fstat(fd, &status) == 0 && (size_t)status.st_size >= sizeof(struct rigsim_feed))
        memory = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    if (memory == MAP_FAILED) {
        link_close(&feed->link);
        return fail(GC_ERR_IO, "the simulator handed over no memory");
    }
    feed->memory = memory;
    feed->size = (size_t)status.st_size;
    if (!holds(feed->memory, feed->size)) {
        feed_close(feed);
        return fail(GC_ERR_IO, "the simulator speaks another version of the feed; build rigsim.cti again");
    }
    return GC_ERR_SUCCESS;
}

void feed_close(struct feed *feed)
{
    link_close(&feed->link);
    if (feed->memory)
        munmap(feed->memory, feed->size);
    feed->memory = NULL;
}

struct rigsim_camera *feed_camera(const struct feed *feed, uint32_t index)
{
    uint8_t *start = (uint8_t *)feed->memory + feed->memory->camera_offset;
    return (struct rigsim_camera *)(void *)(start + index * feed->memory->camera_stride);
}

struct rigsim_slot *feed_slot(const struct feed *feed, const struct rigsim_camera *camera, uint64_t frame)
{
    uint64_t slots = camera->slot_count ? camera->slot_count : 1;
    uint64_t offset = camera->ring_offset + frame % slots * camera->slot_stride;
    if (camera->slot_stride < RIGSIM_SLOT_DATA || offset + camera->slot_stride > feed->size)
        return NULL;
    return (struct rigsim_slot *)(void *)((uint8_t *)feed->memory + offset);
}

int32_t feed_read_registers(struct rigsim_camera *camera, uint64_t address, void *out, size_t length)
{
    if (address > RIGSIM_REGISTER_BYTES || length > RIGSIM_REGISTER_BYTES - address)
        return fail(GC_ERR_INVALID_ADDRESS, "no register at 0x%llx + %zu", (unsigned long long)address, length);
    for (int i = 0; i < SEQUENCE_TRIES; i++) {
        uint32_t before = atomic_load_explicit(&camera->register_sequence, memory_order_acquire);
        if (before % 2 == 0) {
            memcpy(out, camera->registers + address, length);
            atomic_thread_fence(memory_order_acquire);
            if (atomic_load_explicit(&camera->register_sequence, memory_order_relaxed) == before)
                return GC_ERR_SUCCESS;
        }
        sched_yield();
    }
    return fail(GC_ERR_IO, "the registers do not come to rest; the simulator died while it wrote them");
}

static void wake(_Atomic uint32_t *bell)
{
    syscall(SYS_futex, bell, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void bell_ring(_Atomic uint32_t *bell)
{
    atomic_fetch_add(bell, 1);
    wake(bell);
}

void bell_wait(_Atomic uint32_t *bell, uint32_t seen, int64_t timeout_ms)
{
    struct timespec timeout = {.tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000};
    /* The kernel compares with `seen` itself: a ring between the caller's look and this wait is not missed. */
    syscall(SYS_futex, bell, FUTEX_WAIT, seen, &timeout, NULL, 0);
}

/* ---- For the simulator. ---- */

#define SIMULATOR __attribute__((visibility("default")))

SIMULATOR const char *rigsim_layout(void);
SIMULATOR void rigsim_publish_frame(struct rigsim_camera *camera);
SIMULATOR void rigsim_publish_event(struct rigsim_camera *camera, const struct rigsim_event *event);
SIMULATOR void rigsim_write_registers(struct rigsim_camera *camera, uint64_t address, const void *data, uint64_t size);
SIMULATOR void rigsim_ring(struct rigsim_camera *camera);

#define SIZE(type) #type " %zu\n"
#define PLACE(type, field) #type "." #field " %zu\n"

const char *rigsim_layout(void)
{
    static _Thread_local char text[2048];
    snprintf(text, sizeof text,
             "magic %u\nversion %u\nregister_bytes %u\nevent_slots %u\nslot_data %u\n" SIZE(rigsim_feed)
                 SIZE(rigsim_camera) SIZE(rigsim_slot) SIZE(rigsim_chunk) SIZE(rigsim_event) SIZE(rigsim_request)
                     SIZE(rigsim_reply) PLACE(rigsim_feed, camera_count)
                         PLACE(rigsim_feed, planted) PLACE(rigsim_feed, module_xml)
                         PLACE(rigsim_camera, doorbell) PLACE(rigsim_camera, register_sequence)
                             PLACE(rigsim_camera, frames_written) PLACE(rigsim_camera, events_written)
                                 PLACE(rigsim_camera, ring_offset) PLACE(rigsim_camera, events)
                                     PLACE(rigsim_camera, registers) PLACE(rigsim_slot, image_bytes)
                                         PLACE(rigsim_slot, chunks) PLACE(rigsim_request, data)
                                             PLACE(rigsim_reply, text),
             RIGSIM_MAGIC, RIGSIM_VERSION, RIGSIM_REGISTER_BYTES, RIGSIM_EVENT_SLOTS, RIGSIM_SLOT_DATA,
             sizeof(struct rigsim_feed), sizeof(struct rigsim_camera), sizeof(struct rigsim_slot),
             sizeof(struct rigsim_chunk), sizeof(struct rigsim_event), sizeof(struct rigsim_request),
             sizeof(struct rigsim_reply), offsetof(struct rigsim_feed, camera_count),
             offsetof(struct rigsim_feed, planted), offsetof(struct rigsim_feed, module_xml), offsetof(struct rigsim_camera, doorbell),
             offsetof(struct rigsim_camera, register_sequence), offsetof(struct rigsim_camera, frames_written),
             offsetof(struct rigsim_camera, events_written), offsetof(struct rigsim_camera, ring_offset),
             offsetof(struct rigsim_camera, events), offsetof(struct rigsim_camera, registers),
             offsetof(struct rigsim_slot, image_bytes), offsetof(struct rigsim_slot, chunks),
             offsetof(struct rigsim_request, data), offsetof(struct rigsim_reply, text));
    return text;
}

void rigsim_ring(struct rigsim_camera *camera)
{
    bell_ring(&camera->doorbell);
}

void rigsim_publish_frame(struct rigsim_camera *camera)
{
    /* Released after the pixels: who reads this number sees what was written before it. */
    atomic_fetch_add_explicit(&camera->frames_written, 1, memory_order_release);
    bell_ring(&camera->doorbell);
}

void rigsim_publish_event(struct rigsim_camera *camera, const struct rigsim_event *event)
{
    uint64_t number = atomic_load(&camera->events_written);
    camera->events[number % RIGSIM_EVENT_SLOTS] = *event;
    atomic_store_explicit(&camera->events_written, number + 1, memory_order_release);
    bell_ring(&camera->doorbell);
}

void rigsim_write_registers(struct rigsim_camera *camera, uint64_t address, const void *data, uint64_t size)
{
    if (address > RIGSIM_REGISTER_BYTES || size > RIGSIM_REGISTER_BYTES - address)
        return;
    uint32_t sequence = atomic_load(&camera->register_sequence);
    atomic_store(&camera->register_sequence, sequence + 1);
    atomic_thread_fence(memory_order_release);
    memcpy(camera->registers + address, data, size);
    atomic_store_explicit(&camera->register_sequence, sequence + 2, memory_order_release);
}
