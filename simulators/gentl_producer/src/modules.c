/* System and Interface: what there is, which cameras are listed, and what each module says of itself.
 *
 * In: consumers' questions. Out: answers from the library's state and the feed's memory. There is one system with one
 * or more interfaces; the list of cameras of each is as the consumer last updated it, which takes as long as the feed
 * says, in time of the wall. One camera is device.c's.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "producer.h"

#define SEARCH_MS 200 /* a search that may take as long as it likes */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

uint32_t interface_count(void)
{
    return library.feed.memory->interface_count;
}

static void interface_id(uint32_t index, char *out, size_t size)
{
    if (index == 0)
        snprintf(out, size, "rigsim:%.200s", base_name(library.folder));
    else
        snprintf(out, size, "rigsim:%.200s:%u", base_name(library.folder), index);
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

GC_ERROR interface_info(uint32_t index, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size)
{
    char id[256], name[64];
    interface_id(index, id, sizeof id);
    snprintf(name, sizeof name, interface_count() == 1 ? "cameras of the simulated rig" : "simulated port %u", index);
    switch (cmd) {
    case INTERFACE_INFO_ID:
        return give_text(id, type, out, size);
    case INTERFACE_INFO_DISPLAYNAME:
        return give_text(name, type, out, size);
    case INTERFACE_INFO_TLTYPE:
        return give_text(TL_TYPE, type, out, size);
    default:
        return fail(GC_ERR_NOT_IMPLEMENTED, "interface info %d is unknown", cmd);
    }
}

bool update_devices(struct interface *interface)
{
    uint32_t found[RIGSIM_MAX_CAMERAS], count = 0;
    for (uint32_t i = 0; i < library.feed.memory->camera_count; i++)
        if (atomic_load(&feed_camera(&library.feed, i)->is_present) &&
            (feed_camera(&library.feed, i)->interfaces >> interface->index & 1))
            found[count++] = i;
    bool is_changed = count != interface->listed_count || memcmp(found, interface->listed, count * sizeof *found) != 0;
    memcpy(interface->listed, found, count * sizeof *found);
    interface->listed_count = count;
    return is_changed;
}

static int find_interface(const char *id)
{
    for (uint32_t i = 0; id && i < interface_count(); i++) {
        char known[256];
        interface_id(i, known, sizeof known);
        if (strcmp(id, known) == 0)
            return (int)i;
    }
    return -1;
}

/* Take the time that a search needs, without the library's lock; false when the consumer does not allow so much. */
static bool search(uint32_t needed_ms, uint64_t timeout_ms)
{
    bool is_whole = needed_ms == RIGSIM_WHOLE_TIMEOUT;
    if (is_whole && timeout_ms == GENTL_INFINITE)
        timeout_ms = SEARCH_MS;
    uint64_t wait_ms = needed_ms < timeout_ms ? needed_ms : timeout_ms;
    struct timespec left = {.tv_sec = (time_t)(wait_ms / 1000), .tv_nsec = (long)(wait_ms % 1000) * 1000000};
    while (wait_ms && nanosleep(&left, &left) != 0)
        ;
    return is_whole || needed_ms <= timeout_ms;
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
    library.selector = 0;
    *tl = make_handle(KIND_SYSTEM, 0, 0, library.system);
    return leave(GC_ERR_SUCCESS);
}

static void close_interface(struct interface *interface)
{
    for (uint32_t i = 0; i < RIGSIM_MAX_CAMERAS; i++)
        if (library.devices[i].interface == interface->index)
            close_device(&library.devices[i]);
    events_drop(&library.events[LIBRARY_EVENT_INTERFACE + interface->index], 1);
    interface->generation = 0;
}

GC_API TLClose(TL_HANDLE tl)
{
    struct named named;
    GC_ERROR code = enter_to_change(tl, KIND_SYSTEM, &named);
    if (code)
        return code;
    for (uint32_t i = 0; i < RIGSIM_MAX_INTERFACES; i++)
        close_interface(&library.interfaces[i]);
    events_drop(&library.events[LIBRARY_EVENT_SYSTEM], 1);
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
    struct named named;
    GC_ERROR code = enter(tl, KIND_SYSTEM, &named);
    if (code)
        return code;
    uint32_t needed_ms = library.feed.memory->search_ms;
    leave(GC_ERR_SUCCESS);
    if (!search(needed_ms, timeout_ms))
        return fail(GC_ERR_TIMEOUT, "the search for interfaces takes %u ms", needed_ms);
    if (changed)
        *changed = 0;
    return GC_ERR_SUCCESS;
}

GC_API TLGetNumInterfaces(TL_HANDLE tl, uint32_t *count)
{
    struct named named;
    GC_ERROR code = enter(tl, KIND_SYSTEM, &named);
    if (code)
        return code;
    if (!count)
        return leave(fail(GC_ERR_INVALID_PARAMETER, "the pointer to the count is NULL"));
    *count = interface_count();
    return leave(GC_ERR_SUCCESS);
}

GC_API TLGetInterfaceID(TL_HANDLE tl, uint32_t index, char *id, size_t *size)
{
    struct named named;
    GC_ERROR code = enter(tl, KIND_SYSTEM, &named);
    if (code)
        return code;
    if (index >= interface_count())
        return leave(fail(GC_ERR_INVALID_INDEX, "interface %u: there are %u", index, interface_count()));
    return leave(interface_info(index, INTERFACE_INFO_ID, NULL, id, size));
}

GC_API TLGetInterfaceInfo(TL_HANDLE tl, const char *id, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size)
{
    struct named named;
    GC_ERROR code = enter(tl, KIND_SYSTEM, &named);
    if (code)
        return code;
    int index = find_interface(id);
    if (index < 0)
        return leave(fail(GC_ERR_INVALID_ID, "interface %s: there is none of that name", id ? id : "NULL"));
    return leave(interface_info((uint32_t)index, cmd, type, out, size));
}

GC_API TLOpenInterface(TL_HANDLE tl, const char *id, IF_HANDLE *iface)
{
    struct named named;
    GC_ERROR code = enter_to_change(tl, KIND_SYSTEM, &named);
    if (code)
        return code;
    if (!iface)
        return leave(fail(GC_ERR_INVALID_PARAMETER, "the pointer to the handle is NULL"));
    int index = find_interface(id);
    if (index < 0)
        return leave(fail(GC_ERR_INVALID_ID, "interface %s: there is none of that name", id ? id : "NULL"));
    struct interface *interface = &library.interfaces[index];
    if (interface->generation)
        return leave(fail(GC_ERR_RESOURCE_IN_USE, "the interface is open already"));
    interface->generation = next_generation();
    interface->listed_count = interface->selector = 0;
    *iface = make_handle(KIND_INTERFACE, interface->index, 0, interface->generation);
    return leave(GC_ERR_SUCCESS);
}

/* ---- Interface ---- */

GC_API IFClose(IF_HANDLE iface)
{
    struct named named;
    GC_ERROR code = enter_to_change(iface, KIND_INTERFACE, &named);
    if (code)
        return code;
    close_interface(named.interface);
    bell_ring(&library.bell);
    return leave(GC_ERR_SUCCESS);
}

GC_API IFGetInfo(IF_HANDLE iface, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size)
{
    struct named named;
    GC_ERROR code = enter(iface, KIND_INTERFACE, &named);
    return code ? code : leave(interface_info(named.interface->index, cmd, type, out, size));
}

GC_API IFUpdateDeviceList(IF_HANDLE iface, bool8_t *changed, uint64_t timeout_ms)
{
    struct named named;
    GC_ERROR code = enter(iface, KIND_INTERFACE, &named);
    if (code)
        return code;
    uint32_t needed_ms = library.feed.memory->update_ms[named.interface->index];
    leave(GC_ERR_SUCCESS);
    if (!search(needed_ms, timeout_ms))
        return fail(GC_ERR_TIMEOUT, "the search for cameras takes %u ms", needed_ms);
    code = enter_to_change(iface, KIND_INTERFACE, &named);
    if (code)
        return code;
    if (!link_is_alive(&library.feed.link))
        return leave(fail(GC_ERR_IO, "the simulator is gone; start the simulated rig again"));
    bool is_changed = update_devices(named.interface);
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
    *count = named.interface->listed_count;
    return leave(GC_ERR_SUCCESS);
}

GC_API IFGetDeviceID(IF_HANDLE iface, uint32_t index, char *id, size_t *size)
{
    struct named named;
    GC_ERROR code = enter(iface, KIND_INTERFACE, &named);
    if (code)
        return code;
    const struct interface *interface = named.interface;
    if (index >= interface->listed_count)
        return leave(fail(GC_ERR_INVALID_INDEX, "camera %u: the list holds %u", index, interface->listed_count));
    return leave(camera_info(interface->listed[index], DEVICE_INFO_ID, NULL, id, size));
}

GC_API IFGetDeviceInfo(IF_HANDLE iface, const char *id, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size)
{
    struct named named;
    GC_ERROR code = enter(iface, KIND_INTERFACE, &named);
    if (code)
        return code;
    int index = id ? find_camera(named.interface, id) : -1;
    if (index < 0)
        return leave(fail(GC_ERR_INVALID_ID, "camera %s: this interface has none of that name", id ? id : "NULL"));
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
