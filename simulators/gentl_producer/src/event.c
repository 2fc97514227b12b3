/* Events: new buffers, and what a camera tells of its own accord (a trigger that came too early).
 *
 * In: registrations and waits. Out: event data. A wait holds no lock: it looks, sleeps on the camera's doorbell for at
 * most WAIT_SLICE_MS, and looks again, with its handle checked anew, so that closing, EventKill and a simulator that
 * died all end it. Error events can be registered but none is ever sent: errors come as return values.
 */
#include <stdio.h>
#include <string.h>

#include "producer.h"

#define WAIT_SLICE_MS 100

static struct event *event_of(const struct named *named, EVENT_TYPE type, uint32_t *index, uint32_t *slot)
{
    *index = named->device ? named->device->index : LIBRARY_EVENTS;
    if (type == EVENT_ERROR && named->kind == KIND_SYSTEM)
        return &library.events[*slot = LIBRARY_EVENT_SYSTEM];
    if (type == EVENT_ERROR && named->kind == KIND_INTERFACE)
        return &library.events[*slot = LIBRARY_EVENT_INTERFACE + named->interface->index];
    if (type == EVENT_ERROR && named->kind == KIND_DEVICE)
        return &named->device->events[*slot = EVENT_SLOT_DEVICE_ERROR];
    if (type == EVENT_REMOTE_DEVICE && named->kind == KIND_DEVICE)
        return &named->device->events[*slot = EVENT_SLOT_REMOTE];
    if (type == EVENT_ERROR && named->kind == KIND_STREAM)
        return &named->device->events[*slot = EVENT_SLOT_STREAM_ERROR];
    if (type == EVENT_NEW_BUFFER && named->kind == KIND_STREAM)
        return &named->device->events[*slot = EVENT_SLOT_BUFFER];
    return NULL;
}

GC_API GCRegisterEvent(EVENTSRC_HANDLE source, EVENT_TYPE type, EVENT_HANDLE *event)
{
    struct named named;
    GC_ERROR code = enter_to_change(source, KIND_NONE, &named);
    if (code)
        return code;
    if (!event)
        return leave(fail(GC_ERR_INVALID_PARAMETER, "the pointer to the handle is NULL"));
    uint32_t index, slot;
    struct event *is = event_of(&named, type, &index, &slot);
    if (!is)
        return leave(fail(GC_ERR_NOT_IMPLEMENTED, "this module sends no events of type %d", type));
    if (is->generation)
        return leave(fail(GC_ERR_RESOURCE_IN_USE, "event type %d is registered already", type));
    is->type = type;
    atomic_store(&is->kills, 0);
    atomic_store(&is->fired, 0);
    is->generation = next_generation();
    *event = make_handle(KIND_EVENT, index, slot, is->generation);
    return leave(GC_ERR_SUCCESS);
}

static _Atomic uint32_t *bell_of(const struct named *named)
{
    return named->device ? &named->device->camera->doorbell : &library.bell;
}

GC_API GCUnregisterEvent(EVENTSRC_HANDLE source, EVENT_TYPE type)
{
    struct named named;
    GC_ERROR code = enter_to_change(source, KIND_NONE, &named);
    if (code)
        return code;
    uint32_t index, slot;
    struct event *is = event_of(&named, type, &index, &slot);
    if (!is || !is->generation)
        return leave(fail(GC_ERR_NOT_AVAILABLE, "event type %d is not registered", type));
    events_drop(is, 1);
    bell_ring(bell_of(&named));
    return leave(GC_ERR_SUCCESS);
}

static uint64_t remote_ready(const struct device *device)
{
    return atomic_load(&device->camera->events_written) - atomic_load(&device->camera->events_read);
}

/* The oldest event that has not been overwritten. */
static GC_ERROR remote_take(struct device *device, struct rigsim_event *out)
{
    struct rigsim_camera *camera = device->camera;
    pthread_mutex_lock(&device->lock);
    uint64_t read = atomic_load(&camera->events_read), written = atomic_load(&camera->events_written);
    GC_ERROR code = GC_ERR_NO_DATA;
    if (written - read > RIGSIM_EVENT_SLOTS)
        read = written - RIGSIM_EVENT_SLOTS;
    if (written != read) {
        *out = camera->events[read % RIGSIM_EVENT_SLOTS];
        atomic_store(&camera->events_read, read + 1);
        code = GC_ERR_SUCCESS;
    }
    pthread_mutex_unlock(&device->lock);
    return code;
}

static size_t event_size(EVENT_TYPE type)
{
    if (type == EVENT_NEW_BUFFER)
        return sizeof(EVENT_NEW_BUFFER_DATA);
    return type == EVENT_REMOTE_DEVICE ? sizeof(struct rigsim_event) : sizeof(GC_ERROR);
}

static bool take_kill(struct event *event)
{
    uint32_t kills = atomic_load(&event->kills);
    while (kills)
        if (atomic_compare_exchange_weak(&event->kills, &kills, kills - 1))
            return true;
    return false;
}

static GC_ERROR take(const struct named *named, void *out, size_t *size)
{
    if (take_kill(named->event))
        return fail(GC_ERR_ABORT, "the wait was ended by EventKill");
    if (named->device) {
        GC_ERROR code = device_check_handle(named->device);
        if (code)
            return code;
    }
    GC_ERROR code = GC_ERR_NO_DATA;
    if (named->event->type == EVENT_NEW_BUFFER)
        code = stream_take(named->device, out);
    else if (named->event->type == EVENT_REMOTE_DEVICE)
        code = remote_take(named->device, out);
    if (!code) {
        *size = event_size(named->event->type);
        atomic_fetch_add(&named->event->fired, 1);
    }
    return code;
}

/* One look. On GC_ERR_NO_DATA `bell` and `seen` tell what to sleep on. */
static GC_ERROR look(EVENT_HANDLE event, void *out, size_t *size, _Atomic uint32_t **bell, uint32_t *seen)
{
    struct named named;
    GC_ERROR code = enter(event, KIND_EVENT, &named);
    if (code)
        return code;
    if (*size < event_size(named.event->type)) {
        *size = event_size(named.event->type);
        return leave(fail(GC_ERR_BUFFER_TOO_SMALL, "the event needs %zu bytes", *size));
    }
    *bell = bell_of(&named);
    *seen = atomic_load(*bell);
    return leave(take(&named, out, size));
}

/* The count of waiters lies in static memory, so it may be touched after the event is gone. */
static void count_waiter(EVENT_HANDLE event, int change)
{
    uint64_t number = (uint64_t)(uintptr_t)event;
    uint32_t index = (number >> 48) & 0xff, slot = (number >> 32) & 0xffff;
    struct event *is = index == LIBRARY_EVENTS ? &library.events[slot] : &library.devices[index].events[slot];
    atomic_fetch_add(&is->waiting, (uint32_t)change);
}

GC_API EventGetData(EVENT_HANDLE event, void *out, size_t *size, uint64_t timeout_ms)
{
    if (!out || !size)
        return fail(GC_ERR_INVALID_PARAMETER, "event data need memory and its size");
    _Atomic uint32_t *bell;
    uint32_t seen;
    GC_ERROR code = look(event, out, size, &bell, &seen);
    if (code != GC_ERR_NO_DATA)
        return code;
    if (timeout_ms == 0)
        return fail_quietly(GC_ERR_TIMEOUT);
    int64_t until = timeout_ms > INT64_MAX / 2 ? INT64_MAX : clock_ms() + (int64_t)timeout_ms;
    count_waiter(event, 1);
    for (code = look(event, out, size, &bell, &seen); code == GC_ERR_NO_DATA;
         code = look(event, out, size, &bell, &seen)) {
        int64_t left = until - clock_ms();
        if (left <= 0) {
            code = fail_quietly(GC_ERR_TIMEOUT);
            break;
        }
        bell_wait(bell, seen, left < WAIT_SLICE_MS ? left : WAIT_SLICE_MS);
    }
    count_waiter(event, -1);
    return code == GC_ERR_INVALID_HANDLE || code == GC_ERR_NOT_INITIALIZED
               ? fail(GC_ERR_ABORT, "the module was closed during the wait")
               : code;
}

GC_API EventGetDataInfo(EVENT_HANDLE event, const void *data, size_t data_size, INFO_CMD cmd, INFO_DATATYPE *type,
                        void *out, size_t *size)
{
    struct named named;
    GC_ERROR code = enter(event, KIND_EVENT, &named);
    if (code)
        return code;
    EVENT_TYPE is = named.event->type;
    leave(GC_ERR_SUCCESS);
    if (!data || data_size < event_size(is))
        return fail(GC_ERR_INVALID_PARAMETER, "no event data of this type");
    if (is == EVENT_NEW_BUFFER && (cmd == EVENT_DATA_ID || cmd == EVENT_DATA_VALUE)) {
        const uint8_t *field = (const uint8_t *)data + (cmd == EVENT_DATA_ID ? 0 : sizeof(void *));
        return give(INFO_DATATYPE_PTR, field, sizeof(void *), type, out, size);
    }
    if (is != EVENT_REMOTE_DEVICE)
        return fail(GC_ERR_NOT_IMPLEMENTED, "event data info %d is unknown for this event", cmd);
    struct rigsim_event told;
    memcpy(&told, data, sizeof told);
    char id[20];
    switch (cmd) {
    case EVENT_DATA_ID:
        snprintf(id, sizeof id, "%llx", (unsigned long long)told.id);
        return give_text(id, type, out, size);
    case EVENT_DATA_NUMID:
        return give_u64(told.id, type, out, size);
    case EVENT_DATA_VALUE:
        return give(INFO_DATATYPE_BUFFER, &told.t_camera_ns, sizeof told - sizeof told.id, type, out, size);
    default:
        return fail(GC_ERR_NOT_IMPLEMENTED, "event data info %d is unknown", cmd);
    }
}

static size_t event_ready(const struct named *named)
{
    if (named->event->type == EVENT_NEW_BUFFER)
        return stream_ready(named->device);
    return named->event->type == EVENT_REMOTE_DEVICE ? remote_ready(named->device) : 0;
}

GC_API EventGetInfo(EVENT_HANDLE event, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size)
{
    struct named named;
    GC_ERROR code = enter(event, KIND_EVENT, &named);
    if (code)
        return code;
    switch (cmd) {
    case EVENT_EVENT_TYPE:
        return leave(give_i32(named.event->type, type, out, size));
    case EVENT_NUM_IN_QUEUE:
        return leave(give_size(event_ready(&named), type, out, size));
    case EVENT_NUM_FIRED:
        return leave(give_u64(atomic_load(&named.event->fired) + event_ready(&named), type, out, size));
    case EVENT_SIZE_MAX:
    case EVENT_INFO_DATA_SIZE_MAX:
        return leave(give_size(event_size(named.event->type), type, out, size));
    default:
        return leave(fail(GC_ERR_NOT_IMPLEMENTED, "event info %d is unknown", cmd));
    }
}

GC_API EventFlush(EVENT_HANDLE event)
{
    struct named named;
    GC_ERROR code = enter(event, KIND_EVENT, &named);
    if (code)
        return code;
    if (named.event->type == EVENT_NEW_BUFFER)
        stream_discard(named.device);
    else if (named.event->type == EVENT_REMOTE_DEVICE)
        atomic_store(&named.device->camera->events_read, atomic_load(&named.device->camera->events_written));
    return leave(GC_ERR_SUCCESS);
}

/* Ends every wait that is under way, or the next one when none is. */
GC_API EventKill(EVENT_HANDLE event)
{
    struct named named;
    GC_ERROR code = enter(event, KIND_EVENT, &named);
    if (code)
        return code;
    uint32_t waiting = atomic_load(&named.event->waiting);
    atomic_fetch_add(&named.event->kills, waiting ? waiting : 1);
    bell_ring(bell_of(&named));
    return leave(GC_ERR_SUCCESS);
}
