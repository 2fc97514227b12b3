/* The producer's own state: modules, buffers, events, and the handles that name them.
 *
 * A handle is no pointer but a number: kind, camera, slot and generation. Everything it can name lies in static arrays,
 * so a stale or invented handle is refused and never followed. One reader-writer lock guards the module tree: each call
 * holds it for reading, opening and closing hold it for writing, nobody holds it while waiting. One mutex a camera
 * guards its stream. Order: library, then camera.
 */
#ifndef RIGSIM_PRODUCER_H
#define RIGSIM_PRODUCER_H

#include "answer.h"
#include "feed.h"
#include "gentl.h"

#define VENDOR "rigdriver"
#define MODEL "rigsim"
#define PRODUCER_VERSION "1.0.0"
#define TL_TYPE "Custom"
#define MAX_BUFFERS 256
#define PATH_BYTES 4096
#define LIBRARY_EVENTS 0xffu /* index, in a handle, of events that belong to no camera */

/* Addresses of the local modules' ports. Registers of a remote device start at 0. */
#define XML_ADDRESS 0x10000000u
#define INFO_ADDRESS 0x10000u      /* + command * INFO_STRIDE: the module's own info commands */
#define CHILD_ADDRESS 0x40000u     /* + command * INFO_STRIDE: those of the child that the selector names */
#define INFO_STRIDE 0x1000u
#define SELECTOR_ADDRESS 0x80000u
#define SELECTOR_MAX_ADDRESS 0x80008u
#define UPDATE_ADDRESS 0x80010u

/* A count of our own; the commands of GenTL's makers begin at 1000, which has no room in the stream's registers. */
#define RIGSIM_STREAM_INFO_RESENT 47

enum kind { KIND_NONE, KIND_SYSTEM, KIND_INTERFACE, KIND_DEVICE, KIND_REMOTE, KIND_STREAM, KIND_BUFFER, KIND_EVENT };
enum place { PLACE_USER, PLACE_INPUT, PLACE_OUTPUT };

struct buffer {
    uint32_t generation; /* 0: not announced */
    enum place place;
    uint64_t order; /* position in its queue */
    uint8_t *base;
    size_t size;
    void *user;
    bool is_own; /* allocated by us */
    bool is_new;
    bool is_too_small;
    uint64_t ahead; /* the painting whose bytes were copied while it was on the link, 0: none */
    struct rigsim_slot frame;
};

struct stream {
    uint32_t generation; /* 0: closed */
    bool is_grabbing;
    uint64_t frames_left;
    uint64_t last_frame; /* frames of the ring beyond this one are not taken; set when it stops */
    uint64_t delivered;
    uint64_t started;
    uint64_t dropped_before;
    uint64_t order;
    uint32_t announced;
    uint32_t queued;  /* in the input pool */
    uint32_t waiting; /* in the output queue */
    struct buffer buffers[MAX_BUFFERS];
};

enum event_slot { EVENT_SLOT_DEVICE_ERROR, EVENT_SLOT_REMOTE, EVENT_SLOT_STREAM_ERROR, EVENT_SLOT_BUFFER, EVENT_SLOTS };

struct event {
    uint32_t generation; /* 0: not registered */
    EVENT_TYPE type;
    _Atomic uint32_t waiting;
    _Atomic uint32_t kills;
    _Atomic uint64_t fired;
};

struct device {
    uint32_t generation; /* 0: closed */
    uint32_t index;
    uint32_t interface; /* number of the interface through which it was opened */
    bool is_opening;
    bool is_writable;
    uint32_t plug_count;
    uint32_t control_count;
    struct rigsim_camera *camera;
    struct link link;
    pthread_mutex_t lock;
    struct stream stream;
    struct event events[EVENT_SLOTS];
    uint32_t selector;
};

struct interface {
    uint32_t generation; /* 0: closed */
    uint32_t index;
    uint32_t listed[RIGSIM_MAX_CAMERAS]; /* as the consumer last updated the list */
    uint32_t listed_count;
    uint32_t selector;
};

enum library_event { LIBRARY_EVENT_SYSTEM, LIBRARY_EVENT_INTERFACE, LIBRARY_EVENT_COUNT = 1 + RIGSIM_MAX_INTERFACES };

struct library {
    pthread_rwlock_t lock;
    bool is_initialized;
    char folder[PATH_BYTES];
    char path[PATH_BYTES];
    uint32_t last_generation;
    uint32_t system; /* generation, 0: closed */
    struct feed feed;
    uint32_t selector; /* an interface's number */
    struct interface interfaces[RIGSIM_MAX_INTERFACES];
    struct event events[LIBRARY_EVENT_COUNT]; /* errors of the system, then of each interface */
    _Atomic uint32_t bell;
    struct device devices[RIGSIM_MAX_CAMERAS];
};

extern struct library library;

struct named {
    enum kind kind;
    struct interface *interface; /* of KIND_INTERFACE */
    struct device *device;       /* of KIND_DEVICE and below */
    struct buffer *buffer;
    struct event *event;
};

/* handle.c */
uint32_t next_generation(void);
void *make_handle(enum kind kind, uint32_t index, uint32_t slot, uint32_t generation);
GC_ERROR enter(void *handle, enum kind kind, struct named *named); /* takes the library's lock on success */
GC_ERROR enter_any(void *handle, struct named *named);
GC_ERROR enter_to_change(void *handle, enum kind kind, struct named *named);
GC_ERROR leave(GC_ERROR code);
void events_drop(struct event *events, size_t count); /* their handles name nothing from now on */

/* modules.c */
GC_ERROR system_info(INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size);
GC_ERROR interface_info(uint32_t index, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size);
uint32_t interface_count(void);
bool update_devices(struct interface *interface);

/* camera.c */
GC_ERROR camera_info(uint32_t index, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size);
void camera_id(uint32_t index, char *out, size_t size);
int find_camera(const struct interface *interface, const char *id); /* index of a camera that it sees, or -1 */
GC_ERROR device_check(struct device *device);
GC_ERROR device_check_handle(struct device *device); /* the same, but of a camera whose link is down it says nothing */

/* device.c */
void close_device(struct device *device);

/* stream.c */
GC_ERROR stream_info(struct device *device, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size);
GC_ERROR stream_take(struct device *device, EVENT_NEW_BUFFER_DATA *out); /* GC_ERR_NO_DATA when there is none */
size_t stream_ready(struct device *device);
void stream_discard(struct device *device);
void stream_close(struct device *device);
GC_ERROR enter_buffer(DS_HANDLE stream, BUFFER_HANDLE buffer, struct named *named); /* holds the camera's lock too */
GC_ERROR leave_buffer(const struct named *named, GC_ERROR code);

#endif
