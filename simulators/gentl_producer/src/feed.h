/* The feed: what the simulator and this producer share. The layout is drawn here, once; feed/layout.py mirrors it and
 * compares itself with rigsim_layout() when it loads the built library.
 *
 * The simulator creates one anonymous memory (memfd) a rig and listens on a socket `rigsim.sock` beside the .cti. A
 * producer connects, says HELLO and is handed the memory. The memory holds
 *
 *   0               struct rigsim_feed            number of cameras, where everything lies
 *   camera_offset   struct rigsim_camera x n      control words, registers, events
 *   ...             XML texts (four modules, then one a camera)
 *   ...             frame rings: slot_count x slot_stride bytes a camera, each a struct rigsim_slot at its start and
 *                   pixels and chunks at RIGSIM_SLOT_DATA
 *
 * Who writes what: the simulator writes everything but `frames_read`, `events_read` and `is_streaming`, which the
 * producer that opened the camera writes, and `planted`, which a producer clears when it does what is asked. `doorbell`
 * is bumped by both and is the futex on which the producer waits.
 * Registers stand under a sequence lock (`register_sequence`, odd while they change). What a consumer writes to a
 * register goes through the socket as a request, so that the simulator decides; the answer comes after the registers
 * have changed. Not here: what any register means, but for the six that GenTL itself reports.
 */
#ifndef RIGSIM_FEED_H
#define RIGSIM_FEED_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RIGSIM_MAGIC 0x4d495352u /* "RSIM" */
#define RIGSIM_VERSION 5u
#define RIGSIM_MAX_CAMERAS 16
#define RIGSIM_MAX_INTERFACES 8
#define RIGSIM_REGISTER_BYTES 16384u
#define RIGSIM_EVENT_SLOTS 32u
#define RIGSIM_CHUNKS 8u
#define RIGSIM_SLOT_DATA 4096u
#define RIGSIM_REQUEST_BYTES 512u
#define RIGSIM_TEXT_BYTES 240u
#define RIGSIM_TEXT_REGISTER 56u /* longest text register, with its closing zero */

/* Registers that the producer itself reports through GenTL. */
#define RIGSIM_REG_VENDOR 0x000u
#define RIGSIM_REG_MODEL 0x040u
#define RIGSIM_REG_SERIAL 0x080u
#define RIGSIM_REG_VERSION 0x0c0u
#define RIGSIM_REG_USER_ID 0x100u
#define RIGSIM_REG_PAYLOAD 0x140u

#define RIGSIM_WHOLE_TIMEOUT UINT32_MAX /* as long as the consumer allows */

/* Faults of the producer itself, planted by the simulator. */
enum { RIGSIM_PLANT_NOTHING = 0, RIGSIM_PLANT_CRASH = 1, RIGSIM_PLANT_HANG = 2 };

struct rigsim_area {
    uint64_t offset;
    uint64_t size;
};

struct rigsim_feed {
    uint32_t magic;
    uint32_t version;
    uint64_t size;
    uint64_t camera_offset;
    uint64_t camera_stride;
    uint32_t camera_count;
    _Atomic uint32_t planted; /* RIGSIM_PLANT_...: what the next call is to do; the call that does it clears this */
    struct rigsim_area module_xml[4]; /* System, Interface, Device, DataStream */
    uint32_t interface_count;
    uint32_t search_ms;                             /* how long TLUpdateInterfaceList takes */
    uint32_t update_ms[RIGSIM_MAX_INTERFACES];      /* how long IFUpdateDeviceList takes, or RIGSIM_WHOLE_TIMEOUT */
};

struct rigsim_event {
    uint64_t id;
    uint64_t t_camera_ns;
    uint64_t frame_id;
};

struct rigsim_camera {
    _Atomic uint32_t is_present;
    _Atomic uint32_t plug_count; /* bumped at each unplug: handles opened before are dead */
    _Atomic uint32_t owner;      /* DEVICE_ACCESS_... that somebody holds, 0 when nobody */
    _Atomic uint32_t is_streaming;
    _Atomic uint32_t doorbell;
    _Atomic uint32_t register_sequence;
    _Atomic uint32_t control_count; /* bumped when another program takes control: handles opened before only read */
    _Atomic uint64_t frames_written;
    _Atomic uint64_t frames_read;
    _Atomic uint64_t frames_dropped; /* the ring was full */
    _Atomic uint64_t packets_resent; /* lost on the link and sent again: no frame lacks them */
    _Atomic uint64_t frame_ahead;    /* not 0: the next frame is on the link, its bytes lie in its slot; which painting */
    _Atomic uint64_t events_written;
    _Atomic uint64_t events_read;
    struct rigsim_area xml;
    uint64_t ring_offset;
    uint64_t slot_stride;
    uint64_t slot_count;
    uint64_t tick_hz; /* ticks of the time stamps per second, 0: the camera does not tell */
    uint64_t interfaces; /* bit n: interface n sees the camera */
    struct rigsim_event events[RIGSIM_EVENT_SLOTS];
    uint8_t registers[RIGSIM_REGISTER_BYTES];
};

struct rigsim_chunk {
    uint64_t id;
    uint64_t offset;
    uint64_t length;
};

struct rigsim_slot {
    uint64_t frame_id;
    uint64_t stamp; /* in ticks */
    uint64_t pixel_format;
    uint64_t width;
    uint64_t height;
    uint64_t delivered_height;
    uint64_t x_offset;
    uint64_t y_offset;
    uint64_t x_padding; /* bytes behind each row */
    uint64_t image_bytes;
    uint64_t data_bytes;   /* image and chunks, as the camera meant to send */
    uint64_t filled_bytes; /* as it arrived */
    uint64_t painting;     /* number of what lies in this slot; what was copied of another one does not count */
    uint32_t is_incomplete;
    uint32_t chunk_count;
    struct rigsim_chunk chunks[RIGSIM_CHUNKS];
};

/* Socket messages (SOCK_SEQPACKET: one message, one packet). */
enum { RIGSIM_OP_HELLO = 1, RIGSIM_OP_OPEN = 2, RIGSIM_OP_WRITE = 3 };

struct rigsim_request {
    uint32_t magic;
    uint32_t sequence;
    uint32_t op;
    uint32_t camera;
    uint64_t address; /* OPEN: the access asked for */
    uint32_t length;
    uint32_t reserved;
    uint8_t data[RIGSIM_REQUEST_BYTES];
};

struct rigsim_reply {
    uint32_t magic;
    uint32_t sequence;
    int32_t status; /* a GC_ERROR */
    uint32_t reserved;
    char text[RIGSIM_TEXT_BYTES];
};

_Static_assert(sizeof(void *) == 8, "the simulated producer is for 64-bit systems");
_Static_assert(sizeof(struct rigsim_slot) <= RIGSIM_SLOT_DATA, "the slot's header must fit before its data");

/* One connection to the simulator. */
struct link {
    int fd; /* -1 when closed */
    uint32_t sequence;
    pthread_mutex_t lock; /* one request at a time; never taken while waiting for anything but a bounded reply */
    _Atomic int64_t checked_ms;
};

/* The mapped feed. */
struct feed {
    struct rigsim_feed *memory;
    size_t size;
    struct link link;
};

int32_t feed_open(struct feed *feed, const char *folder);
void feed_close(struct feed *feed);
int32_t link_open(struct link *link, const char *folder, int *memory_fd);
void link_close(struct link *link);
bool link_is_alive(struct link *link);
int32_t link_request(struct link *link, uint32_t op, uint32_t camera, uint64_t address, const void *data, size_t length);

struct rigsim_camera *feed_camera(const struct feed *feed, uint32_t index);
struct rigsim_slot *feed_slot(const struct feed *feed, const struct rigsim_camera *camera, uint64_t frame);
int32_t feed_read_registers(struct rigsim_camera *camera, uint64_t address, void *out, size_t length);
void bell_ring(_Atomic uint32_t *bell);
void bell_wait(_Atomic uint32_t *bell, uint32_t seen, int64_t timeout_ms);
int64_t clock_ms(void);

#endif
