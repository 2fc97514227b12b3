/* Device: the opening and closing of one camera and of its stream.
 *
 * In: consumers' calls. Out: handles. Opening a camera asks the simulator, whose connection then is the ownership: it
 * ends when the consumer's process does, however that ends. What a camera says of itself is camera.c's, frames are
 * stream.c's.
 */
#include <string.h>

#include "producer.h"

void close_device(struct device *device)
{
    if (!device->generation)
        return;
    stream_close(device);
    events_drop(device->events, EVENT_SLOTS);
    device->generation = 0;
    bell_ring(&device->camera->doorbell);
    link_close(&device->link);
    device->camera = NULL;
}

/* The wait for the simulator's answer happens without the library's lock; `is_opening` keeps a second caller out. */
static GC_ERROR ask_for_device(struct device *device, DEVICE_ACCESS_FLAGS access)
{
    GC_ERROR code = link_open(&device->link, library.folder, NULL);
    if (code)
        return code;
    code = link_request(&device->link, RIGSIM_OP_OPEN, device->index, (uint64_t)access, NULL, 0);
    if (code)
        link_close(&device->link);
    return code;
}

static GC_ERROR may_open(const struct device *device)
{
    if (device->generation || device->is_opening)
        return fail(GC_ERR_RESOURCE_IN_USE, "the camera is open already in this process");
    if (!atomic_load(&feed_camera(&library.feed, device->index)->is_present))
        return fail(GC_ERR_IO, "the camera is unplugged");
    return GC_ERR_SUCCESS;
}

static void finish_opening(struct device *device, DEVICE_ACCESS_FLAGS access)
{
    device->camera = feed_camera(&library.feed, device->index);
    device->plug_count = atomic_load(&device->camera->plug_count);
    device->control_count = atomic_load(&device->camera->control_count);
    device->is_writable = access != DEVICE_ACCESS_READONLY;
    device->selector = 0;
    atomic_store(&device->camera->events_read, atomic_load(&device->camera->events_written));
    device->generation = next_generation();
}

GC_API IFOpenDevice(IF_HANDLE iface, const char *id, DEVICE_ACCESS_FLAGS access, DEV_HANDLE *device)
{
    struct named named;
    GC_ERROR code = enter_to_change(iface, KIND_INTERFACE, &named);
    if (code)
        return code;
    if (!device || access < DEVICE_ACCESS_READONLY || access > DEVICE_ACCESS_EXCLUSIVE)
        return leave(fail(GC_ERR_INVALID_PARAMETER, "access %d: give read-only, control or exclusive", access));
    int index = id ? find_camera(named.interface, id) : -1;
    if (index < 0)
        return leave(fail(GC_ERR_INVALID_ID, "camera %s: this interface has none of that name", id ? id : "NULL"));
    struct device *is = &library.devices[index];
    code = may_open(is);
    if (code)
        return leave(code);
    is->is_opening = true;
    leave(GC_ERR_SUCCESS);
    GC_ERROR asked = ask_for_device(is, access);
    code = enter_to_change(iface, KIND_INTERFACE, &named);
    if (code)
        pthread_rwlock_wrlock(&library.lock);
    is->is_opening = false;
    if (code && !asked)
        link_close(&is->link);
    code = asked ? asked : code;
    if (!code) {
        finish_opening(is, access);
        is->interface = named.interface->index;
        *device = make_handle(KIND_DEVICE, (uint32_t)index, 0, is->generation);
    }
    return leave(code);
}

GC_API DevClose(DEV_HANDLE device)
{
    struct named named;
    GC_ERROR code = enter_to_change(device, KIND_DEVICE, &named);
    if (code)
        return code;
    close_device(named.device);
    return leave(GC_ERR_SUCCESS);
}

GC_API DevGetInfo(DEV_HANDLE device, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size)
{
    struct named named;
    GC_ERROR code = enter(device, KIND_DEVICE, &named);
    return code ? code : leave(camera_info(named.device->index, cmd, type, out, size));
}

GC_API DevGetPort(DEV_HANDLE device, PORT_HANDLE *remote)
{
    struct named named;
    GC_ERROR code = enter(device, KIND_DEVICE, &named);
    if (code)
        return code;
    if (!remote)
        return leave(fail(GC_ERR_INVALID_PARAMETER, "the pointer to the handle is NULL"));
    *remote = make_handle(KIND_REMOTE, named.device->index, 0, named.device->generation);
    return leave(GC_ERR_SUCCESS);
}

GC_API DevGetNumDataStreams(DEV_HANDLE device, uint32_t *count)
{
    struct named named;
    GC_ERROR code = enter(device, KIND_DEVICE, &named);
    if (code)
        return code;
    if (!count)
        return leave(fail(GC_ERR_INVALID_PARAMETER, "the pointer to the count is NULL"));
    *count = 1;
    return leave(GC_ERR_SUCCESS);
}

GC_API DevGetDataStreamID(DEV_HANDLE device, uint32_t index, char *id, size_t *size)
{
    struct named named;
    GC_ERROR code = enter(device, KIND_DEVICE, &named);
    if (code)
        return code;
    if (index != 0)
        return leave(fail(GC_ERR_INVALID_INDEX, "stream %u: there is only number 0", index));
    return leave(stream_info(named.device, STREAM_INFO_ID, NULL, id, size));
}

GC_API DevOpenDataStream(DEV_HANDLE device, const char *id, DS_HANDLE *stream)
{
    struct named named;
    GC_ERROR code = enter_to_change(device, KIND_DEVICE, &named);
    if (code)
        return code;
    struct device *is = named.device;
    char known[128];
    size_t size = sizeof known;
    stream_info(is, STREAM_INFO_ID, NULL, known, &size);
    if (!stream)
        return leave(fail(GC_ERR_INVALID_PARAMETER, "the pointer to the handle is NULL"));
    if (!id || strcmp(id, known) != 0)
        return leave(fail(GC_ERR_INVALID_ID, "stream %s: there is none of that name", id ? id : "NULL"));
    if (!is->is_writable)
        return leave(fail(GC_ERR_ACCESS_DENIED, "the camera is open for reading only"));
    if (is->stream.generation)
        return leave(fail(GC_ERR_RESOURCE_IN_USE, "the stream is open already"));
    memset(&is->stream, 0, sizeof is->stream);
    is->stream.dropped_before = atomic_load(&is->camera->frames_dropped);
    is->stream.generation = next_generation();
    *stream = make_handle(KIND_STREAM, is->index, 0, is->stream.generation);
    return leave(GC_ERR_SUCCESS);
}

GC_API DevGetParentIF(DEV_HANDLE device, IF_HANDLE *iface)
{
    struct named named;
    GC_ERROR code = enter(device, KIND_DEVICE, &named);
    if (code)
        return code;
    if (!iface)
        return leave(fail(GC_ERR_INVALID_PARAMETER, "the pointer to the handle is NULL"));
    uint32_t index = named.device->interface;
    *iface = make_handle(KIND_INTERFACE, index, 0, library.interfaces[index].generation);
    return leave(GC_ERR_SUCCESS);
}
