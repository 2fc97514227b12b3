/* System, Interface and Device: what there is, who may open it, and what each says of itself.
 *
 * In: consumers' questions. Out: answers from the feed's memory; opening a camera asks the simulator, whose connection
 * then is the ownership: it ends when the consumer's process does, however that ends.
 */
#include <stdio.h>
#include <string.h>

#include "producer.h"

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void interface_id(char *out, size_t size)
{
    snprintf(out, size, "rigsim:%.200s", base_name(library.folder));
}

static void text_register(uint32_t index, uint32_t address, char *out, size_t size)
{
    char text[RIGSIM_TEXT_REGISTER] = "";
    feed_read_registers(feed_camera(&library.feed, index), address, text, sizeof text);
    text[sizeof text - 1] = 0;
    snprintf(out, size, "%s", text);
}

void camera_id(uint32_t index, char *out, size_t size)
{
    char serial[RIGSIM_TEXT_REGISTER];
    text_register(index, RIGSIM_REG_SERIAL, serial, sizeof serial);
    snprintf(out, size, "rigsim-%s", serial);
}

GC_ERROR system_info(INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size)
{
    switch (cmd) {
    case TL_INFO_ID:
    case TL_INFO_PATHNAME:
        return give_text(library.path, type, out, size);
    case TL_INFO_VENDOR:
        return give_text(VENDOR, type, out, size);
    case TL_INFO_MODEL:
        return give_text(MODEL, type, out, size);
    case TL_INFO_VERSION:
        return give_text(PRODUCER_VERSION, type, out, size);
    case TL_INFO_TLTYPE:
        return give_text(TL_TYPE, type, out, size);
    case TL_INFO_NAME:
        return give_text(base_name(library.path), type, out, size);
    case TL_INFO_DISPLAYNAME:
        return give_text("rigdriver simulated rig", type, out, size);
    case TL_INFO_CHAR_ENCODING:
        return give_i32(TL_CHAR_ENCODING_UTF8, type, out, size);
    case TL_INFO_GENTL_VER_MAJOR:
    case TL_INFO_GENTL_VER_MINOR: {
        uint32_t number = cmd == TL_INFO_GENTL_VER_MAJOR ? 1 : 5;
        return give(INFO_DATATYPE_UINT32, &number, sizeof number, type, out, size);
    }
    default:
        return fail(GC_ERR_NOT_IMPLEMENTED, "system info %d is unknown", cmd);
    }
}

GC_ERROR interface_info(INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size)
{
    char id[256];
    interface_id(id, sizeof id);
    switch (cmd) {
    case INTERFACE_INFO_ID:
        return give_text(id, type, out, size);
    case INTERFACE_INFO_DISPLAYNAME:
        return give_text("cameras of the simulated rig", type, out, size);
    case INTERFACE_INFO_TLTYPE:
        return give_text(TL_TYPE, type, out, size);
    default:
        return fail(GC_ERR_NOT_IMPLEMENTED, "interface info %d is unknown", cmd);
    }
}

static int32_t access_status(uint32_t index)
{
    const struct device *device = &library.devices[index];
    struct rigsim_camera *camera = feed_camera(&library.feed, index);
    if (device->generation)
        return device->is_writable ? DEVICE_ACCESS_STATUS_OPEN_READWRITE : DEVICE_ACCESS_STATUS_OPEN_READONLY;
    if (!atomic_load(&camera->is_present))
        return DEVICE_ACCESS_STATUS_NOACCESS;
    uint32_t owner = atomic_load(&camera->owner);
    if (owner == DEVICE_ACCESS_EXCLUSIVE)
        return DEVICE_ACCESS_STATUS_BUSY;
    return owner ? DEVICE_ACCESS_STATUS_READONLY : DEVICE_ACCESS_STATUS_READWRITE;
}

GC_ERROR camera_info(uint32_t index, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size)
{
    static const uint32_t registers[] = {
        [DEVICE_INFO_VENDOR] = RIGSIM_REG_VENDOR,
        [DEVICE_INFO_MODEL] = RIGSIM_REG_MODEL,
        [DEVICE_INFO_USER_DEFINED_NAME] = RIGSIM_REG_USER_ID,
        [DEVICE_INFO_SERIAL_NUMBER] = RIGSIM_REG_SERIAL,
        [DEVICE_INFO_VERSION] = RIGSIM_REG_VERSION,
    };
    char text[128], model[RIGSIM_TEXT_REGISTER];
    switch (cmd) {
    case DEVICE_INFO_ID:
        camera_id(index, text, sizeof text);
        return give_text(text, type, out, size);
    case DEVICE_INFO_VENDOR:
    case DEVICE_INFO_MODEL:
    case DEVICE_INFO_USER_DEFINED_NAME:
    case DEVICE_INFO_SERIAL_NUMBER:
    case DEVICE_INFO_VERSION:
        text_register(index, registers[cmd], text, sizeof text);
        return give_text(text, type, out, size);
    case DEVICE_INFO_TLTYPE:
        return give_text(TL_TYPE, type, out, size);
    case DEVICE_INFO_DISPLAYNAME: {
        char serial[RIGSIM_TEXT_REGISTER];
        text_register(index, RIGSIM_REG_MODEL, model, sizeof model);
        text_register(index, RIGSIM_REG_SERIAL, serial, sizeof serial);
        snprintf(text, sizeof text, "%s (%s)", model, serial);
        return give_text(text, type, out, size);
    }
    case DEVICE_INFO_ACCESS_STATUS:
        return give_i32(access_status(index), type, out, size);
    case DEVICE_INFO_TIMESTAMP_FREQUENCY:
        return give_u64(1000000000, type, out, size);
    default:
        return fail(GC_ERR_NOT_IMPLEMENTED, "device info %d is unknown", cmd);
    }
}

GC_ERROR device_check(struct device *device)
{
    if (!atomic_load(&device->camera->is_present) || atomic_load(&device->camera->plug_count) != device->plug_count)
        return fail(GC_ERR_IO, "the camera was unplugged; close it, update the device list and open it again");
    if (!link_is_alive(&device->link))
        return fail(GC_ERR_IO, "the simulator is gone; start the simulated rig again");
    return GC_ERR_SUCCESS;
}

bool update_devices(void)
{
    uint32_t found[RIGSIM_MAX_CAMERAS], count = 0;
    for (uint32_t i = 0; i < library.feed.memory->camera_count; i++)
        if (atomic_load(&feed_camera(&library.feed, i)->is_present))
            found[count++] = i;
    bool is_changed = count != library.listed_count || memcmp(found, library.listed, count * sizeof *found) != 0;
    memcpy(library.listed, found, count * sizeof *found);
    library.listed_count = count;
    return is_changed;
}

static int find_camera(const char *id)
{
    for (uint32_t i = 0; i < library.listed_count; i++) {
        char known[128];
        camera_id(library.listed[i], known, sizeof known);
        if (strcmp(known, id) == 0)
            return (int)library.listed[i];
    }
    return -1;
}

static bool is_interface(const char *id)
{
    char known[256];
    interface_id(known, sizeof known);
    return id && strcmp(id, known) == 0;
}

/* ---- System ---- */

GC_API TLOpen(TL_HANDLE *tl)
{
    pthread_rwlock_wrlock(&library.lock);
    if (!library.is_initialized)
        return leave(fail(GC_ERR_NOT_INITIALIZED, "GCInitLib has not been called"));
    if (!tl)
        return leave(fail(GC_ERR_INVALID_PARAMETER, "the pointer to the handle is NULL"));
    if (library.system)
        return leave(fail(GC_ERR_RESOURCE_IN_USE, "the system is open already"));
    GC_ERROR code = feed_open(&library.feed, library.folder);
    if (code)
        return leave(code);
    library.system = next_generation();
    library.listed_count = 0;
    library.selector = 0;
    *tl = make_handle(KIND_SYSTEM, 0, 0, library.system);
    return leave(GC_ERR_SUCCESS);
}

static void close_device(struct device *device)
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

static void close_interface(void)
{
    for (uint32_t i = 0; i < RIGSIM_MAX_CAMERAS; i++)
        close_device(&library.devices[i]);
    events_drop(&library.events[1], 1);
    library.interface = 0;
}

GC_API TLClose(TL_HANDLE tl)
{
    struct named named;
    GC_ERROR code = enter_to_change(tl, KIND_SYSTEM, &named);
    if (code)
        return code;
    close_interface();
    events_drop(&library.events[0], 1);
    library.system = 0;
    bell_ring(&library.bell);
    feed_close(&library.feed);
    return leave(GC_ERR_SUCCESS);
}

GC_API TLGetInfo(TL_HANDLE tl, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size)
{
    struct named named;
    GC_ERROR code = enter(tl, KIND_SYSTEM, &named);
    return code ? code : leave(system_info(cmd, type, out, size));
}

GC_API TLUpdateInterfaceList(TL_HANDLE tl, bool8_t *changed, uint64_t timeout_ms)
{
    (void)timeout_ms;
    struct named named;
    GC_ERROR code = enter(tl, KIND_SYSTEM, &named);
    if (code)
        return code;
    if (changed)
        *changed = 0;
    return leave(GC_ERR_SUCCESS);
}

GC_API TLGetNumInterfaces(TL_HANDLE tl, uint32_t *count)
{
    struct named named;
    GC_ERROR code = enter(tl, KIND_SYSTEM, &named);
    if (code)
        return code;
    if (!count)
        return leave(fail(GC_ERR_INVALID_PARAMETER, "the pointer to the count is NULL"));
    *count = 1;
    return leave(GC_ERR_SUCCESS);
}

GC_API TLGetInterfaceID(TL_HANDLE tl, uint32_t index, char *id, size_t *size)
{
    struct named named;
    GC_ERROR code = enter(tl, KIND_SYSTEM, &named);
    if (code)
        return code;
    if (index != 0)
        return leave(fail(GC_ERR_INVALID_INDEX, "interface %u: there is only number 0", index));
    return leave(interface_info(INTERFACE_INFO_ID, NULL, id, size));
}

GC_API TLGetInterfaceInfo(TL_HANDLE tl, const char *id, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size)
{
    struct named named;
    GC_ERROR code = enter(tl, KIND_SYSTEM, &named);
    if (code)
        return code;
    if (!is_interface(id))
        return leave(fail(GC_ERR_INVALID_ID, "interface %s: there is none of that name", id ? id : "NULL"));
    return leave(interface_info(cmd, type, out, size));
}

GC_API TLOpenInterface(TL_HANDLE tl, const char *id, IF_HANDLE *iface)
{
    struct named named;
    GC_ERROR code = enter_to_change(tl, KIND_SYSTEM, &named);
    if (code)
        return code;
    if (!iface)
        return leave(fail(GC_ERR_INVALID_PARAMETER, "the pointer to the handle is NULL"));
    if (!is_interface(id))
        return leave(fail(GC_ERR_INVALID_ID, "interface %s: there is none of that name", id ? id : "NULL"));
    if (library.interface)
        return leave(fail(GC_ERR_RESOURCE_IN_USE, "the interface is open already"));
    library.interface = next_generation();
    library.listed_count = 0;
    *iface = make_handle(KIND_INTERFACE, 0, 0, library.interface);
    return leave(GC_ERR_SUCCESS);
}

/* ---- Interface ---- */

GC_API IFClose(IF_HANDLE iface)
{
    struct named named;
    GC_ERROR code = enter_to_change(iface, KIND_INTERFACE, &named);
    if (code)
        return code;
    close_interface();
    bell_ring(&library.bell);
    return leave(GC_ERR_SUCCESS);
}

GC_API IFGetInfo(IF_HANDLE iface, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size)
{
    struct named named;
    GC_ERROR code = enter(iface, KIND_INTERFACE, &named);
    return code ? code : leave(interface_info(cmd, type, out, size));
}

GC_API IFUpdateDeviceList(IF_HANDLE iface, bool8_t *changed, uint64_t timeout_ms)
{
    (void)timeout_ms;
    struct named named;
    GC_ERROR code = enter_to_change(iface, KIND_INTERFACE, &named);
    if (code)
        return code;
    if (!link_is_alive(&library.feed.link))
        return leave(fail(GC_ERR_IO, "the simulator is gone; start the simulated rig again"));
    bool is_changed = update_devices();
    if (changed)
        *changed = is_changed;
    return leave(GC_ERR_SUCCESS);
}

GC_API IFGetNumDevices(IF_HANDLE iface, uint32_t *count)
{
    struct named named;
    GC_ERROR code = enter(iface, KIND_INTERFACE, &named);
    if (code)
        return code;
    if (!count)
        return leave(fail(GC_ERR_INVALID_PARAMETER, "the pointer to the count is NULL"));
    *count = library.listed_count;
    return leave(GC_ERR_SUCCESS);
}

GC_API IFGetDeviceID(IF_HANDLE iface, uint32_t index, char *id, size_t *size)
{
    struct named named;
    GC_ERROR code = enter(iface, KIND_INTERFACE, &named);
    if (code)
        return code;
    if (index >= library.listed_count)
        return leave(fail(GC_ERR_INVALID_INDEX, "camera %u: the list holds %u", index, library.listed_count));
    return leave(camera_info(library.listed[index], DEVICE_INFO_ID, NULL, id, size));
}

GC_API IFGetDeviceInfo(IF_HANDLE iface, const char *id, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size)
{
    struct named named;
    GC_ERROR code = enter(iface, KIND_INTERFACE, &named);
    if (code)
        return code;
    int index = id ? find_camera(id) : -1;
    if (index < 0)
        return leave(fail(GC_ERR_INVALID_ID, "camera %s: not in the list; update it", id ? id : "NULL"));
    return leave(camera_info((uint32_t)index, cmd, type, out, size));
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
    int index = id ? find_camera(id) : -1;
    if (index < 0)
        return leave(fail(GC_ERR_INVALID_ID, "camera %s: not in the list; update it", id ? id : "NULL"));
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
        *device = make_handle(KIND_DEVICE, (uint32_t)index, 0, is->generation);
    }
    return leave(code);
}

GC_API IFGetParentTL(IF_HANDLE iface, TL_HANDLE *tl)
{
    struct named named;
    GC_ERROR code = enter(iface, KIND_INTERFACE, &named);
    if (code)
        return code;
    if (!tl)
        return leave(fail(GC_ERR_INVALID_PARAMETER, "the pointer to the handle is NULL"));
    *tl = make_handle(KIND_SYSTEM, 0, 0, library.system);
    return leave(GC_ERR_SUCCESS);
}

/* ---- Device ---- */

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
    *iface = make_handle(KIND_INTERFACE, 0, 0, library.interface);
    return leave(GC_ERR_SUCCESS);
}
