/* System and Interface: what there is, which cameras are listed, and what each module says of itself.
 *
 * In: consumers' questions. Out: answers from the library's state and the feed's memory. There is one system with one
 * interface; the list of cameras is as the consumer last updated it. One camera is device.c's.
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
