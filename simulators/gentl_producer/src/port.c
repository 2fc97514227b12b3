/* Ports: registers and the XML that describes them, for all five modules.
 *
 * In: addresses. Out: bytes. A remote device's registers are the feed's page, and a write to them is the simulator's to
 * decide. The other modules' registers are their own info commands, at INFO_ADDRESS + command * INFO_STRIDE, and those
 * of the child that the selector names, so that the XML needs no table here.
 */
#include <stdio.h>
#include <string.h>

#include "producer.h"

static const char *const FILE_NAMES[] = {
    [KIND_SYSTEM] = "rigsim_system.xml", [KIND_INTERFACE] = "rigsim_interface.xml", [KIND_DEVICE] = "rigsim_device.xml",
    [KIND_REMOTE] = "rigsim_camera.xml", [KIND_STREAM] = "rigsim_stream.xml",
};
static const char *const PORT_NAMES[] = {
    [KIND_SYSTEM] = "TLPort", [KIND_INTERFACE] = "InterfacePort", [KIND_DEVICE] = "DevicePort",
    [KIND_REMOTE] = "Device", [KIND_STREAM] = "StreamPort",
};
static const char *const MODULE_NAMES[] = {
    [KIND_SYSTEM] = "TLSystem", [KIND_INTERFACE] = "TLInterface", [KIND_DEVICE] = "TLDevice",
    [KIND_REMOTE] = "Device", [KIND_STREAM] = "TLDataStream",
};

static GC_ERROR enter_port(PORT_HANDLE port, struct named *named)
{
    GC_ERROR code = enter_any(port, named);
    if (code)
        return code;
    if (named->kind == KIND_BUFFER || named->kind == KIND_EVENT)
        return leave(fail(GC_ERR_NOT_IMPLEMENTED, "buffers and events have no port"));
    return GC_ERR_SUCCESS;
}

static GC_ERROR module_info(const struct named *named, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size)
{
    switch (named->kind) {
    case KIND_SYSTEM:
        return system_info(cmd, type, out, size);
    case KIND_INTERFACE:
        return interface_info(named->interface->index, cmd, type, out, size);
    case KIND_STREAM:
        return stream_info(named->device, cmd, type, out, size);
    default:
        return camera_info(named->device->index, cmd, type, out, size);
    }
}

static uint32_t selector_max(const struct named *named)
{
    if (named->kind == KIND_SYSTEM)
        return interface_count() - 1;
    return named->kind == KIND_INTERFACE && named->interface->listed_count ? named->interface->listed_count - 1 : 0;
}

static uint32_t *selector_of(const struct named *named)
{
    if (named->device)
        return &named->device->selector;
    return named->interface ? &named->interface->selector : &library.selector;
}

static GC_ERROR child_info(const struct named *named, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size)
{
    if (named->kind == KIND_SYSTEM)
        return interface_info(library.selector, cmd, type, out, size);
    if (named->kind == KIND_DEVICE)
        return stream_info(named->device, cmd, type, out, size);
    const struct interface *interface = named->interface;
    if (!interface || interface->selector >= interface->listed_count)
        return fail(GC_ERR_NOT_AVAILABLE, "the selector names nothing");
    return camera_info(interface->listed[interface->selector], cmd, type, out, size);
}

/* A local module's register, as INFO_STRIDE bytes padded with zeros. */
static GC_ERROR local_register(const struct named *named, uint64_t address, uint8_t *out)
{
    size_t size = INFO_STRIDE;
    INFO_DATATYPE type;
    uint32_t number = 0;
    memset(out, 0, INFO_STRIDE);
    if (address >= CHILD_ADDRESS && address < SELECTOR_ADDRESS)
        return child_info(named, (INFO_CMD)((address - CHILD_ADDRESS) / INFO_STRIDE), &type, out, &size);
    if (address >= INFO_ADDRESS && address < CHILD_ADDRESS)
        return module_info(named, (INFO_CMD)((address - INFO_ADDRESS) / INFO_STRIDE), &type, out, &size);
    if (address == SELECTOR_ADDRESS)
        number = *selector_of(named);
    else if (address == SELECTOR_MAX_ADDRESS)
        number = selector_max(named);
    else if (address != UPDATE_ADDRESS)
        return fail(GC_ERR_INVALID_ADDRESS, "no register at 0x%llx", (unsigned long long)address);
    memcpy(out, &number, sizeof number);
    return GC_ERR_SUCCESS;
}

static struct rigsim_area xml_of(const struct named *named)
{
    if (named->kind == KIND_REMOTE)
        return named->device->camera->xml;
    static const int areas[] = {[KIND_SYSTEM] = 0, [KIND_INTERFACE] = 1, [KIND_DEVICE] = 2, [KIND_STREAM] = 3};
    return library.feed.memory->module_xml[areas[named->kind]];
}

static GC_ERROR read_xml(const struct named *named, uint64_t offset, void *out, size_t size)
{
    struct rigsim_area area = xml_of(named);
    if (offset > area.size || size > area.size - offset || area.offset + area.size > library.feed.size)
        return fail(GC_ERR_INVALID_ADDRESS, "the XML text holds %llu bytes", (unsigned long long)area.size);
    memcpy(out, (const uint8_t *)library.feed.memory + area.offset + offset, size);
    return GC_ERR_SUCCESS;
}

static GC_ERROR read_port(const struct named *named, uint64_t address, void *out, size_t size)
{
    if (named->kind == KIND_REMOTE) {
        GC_ERROR code = device_check(named->device);
        if (code || address < XML_ADDRESS)
            return code ? code : feed_read_registers(named->device->camera, address, out, size);
    }
    if (address >= XML_ADDRESS)
        return read_xml(named, address - XML_ADDRESS, out, size);
    uint8_t whole[INFO_STRIDE];
    uint64_t offset = address < SELECTOR_ADDRESS ? address % INFO_STRIDE : 0;
    GC_ERROR code = local_register(named, address - offset, whole);
    if (code)
        return code;
    if (offset + size > INFO_STRIDE)
        return fail(GC_ERR_INVALID_ADDRESS, "a register holds at most %u bytes", INFO_STRIDE);
    memcpy(out, whole + offset, size);
    return GC_ERR_SUCCESS;
}

GC_API GCReadPort(PORT_HANDLE port, uint64_t address, void *out, size_t *size)
{
    struct named named;
    GC_ERROR code = enter_port(port, &named);
    if (code)
        return code;
    if (!out || !size)
        return leave(fail(GC_ERR_INVALID_PARAMETER, "reading needs memory and a size"));
    return leave(read_port(&named, address, out, *size));
}

static GC_ERROR write_local(const struct named *named, uint64_t address, const void *data, size_t size)
{
    uint32_t number = 0;
    memcpy(&number, data, size < sizeof number ? size : sizeof number);
    if (address == UPDATE_ADDRESS) {
        if (named->kind == KIND_INTERFACE)
            update_devices(named->interface);
        return GC_ERR_SUCCESS;
    }
    if (address != SELECTOR_ADDRESS || named->kind == KIND_STREAM)
        return fail(GC_ERR_ACCESS_DENIED, "the register at 0x%llx is read-only", (unsigned long long)address);
    if (number > selector_max(named))
        return fail(GC_ERR_INVALID_VALUE, "selector %u: at most %u", number, selector_max(named));
    *selector_of(named) = number;
    return GC_ERR_SUCCESS;
}

static GC_ERROR write_remote(PORT_HANDLE port, uint64_t address, const void *data, size_t size)
{
    struct named named;
    GC_ERROR code = enter_port(port, &named);
    if (code)
        return code;
    struct device *device = named.device;
    code = device_check(device);
    if (!code && !device->is_writable)
        code = fail(GC_ERR_ACCESS_DENIED, "the camera is open for reading only");
    leave(GC_ERR_SUCCESS);
    return code ? code : link_request(&device->link, RIGSIM_OP_WRITE, device->index, address, data, size);
}

GC_API GCWritePort(PORT_HANDLE port, uint64_t address, const void *data, size_t *size)
{
    struct named named;
    GC_ERROR code = enter_port(port, &named);
    if (code)
        return code;
    enum kind kind = named.kind;
    leave(GC_ERR_SUCCESS);
    if (!data || !size)
        return fail(GC_ERR_INVALID_PARAMETER, "writing needs data and a size");
    if (kind == KIND_REMOTE)
        return write_remote(port, address, data, *size);
    code = enter_to_change(port, kind, &named);
    return code ? code : leave(write_local(&named, address, data, *size));
}

GC_API GCReadPortStacked(PORT_HANDLE port, PORT_REGISTER_STACK_ENTRY *entries, size_t *count)
{
    if (!entries || !count)
        return fail(GC_ERR_INVALID_PARAMETER, "the pointers to entries and count must not be NULL");
    for (size_t i = 0, asked = *count; i < asked; i++) {
        size_t size = entries[i].Size;
        *count = i;
        GC_ERROR code = GCReadPort(port, entries[i].Address, entries[i].pBuffer, &size);
        if (code)
            return code;
        *count = i + 1;
    }
    return GC_ERR_SUCCESS;
}

GC_API GCWritePortStacked(PORT_HANDLE port, PORT_REGISTER_STACK_ENTRY *entries, size_t *count)
{
    if (!entries || !count)
        return fail(GC_ERR_INVALID_PARAMETER, "the pointers to entries and count must not be NULL");
    for (size_t i = 0, asked = *count; i < asked; i++) {
        size_t size = entries[i].Size;
        *count = i;
        GC_ERROR code = GCWritePort(port, entries[i].Address, entries[i].pBuffer, &size);
        if (code)
            return code;
        *count = i + 1;
    }
    return GC_ERR_SUCCESS;
}

static void url_of(const struct named *named, char *out, size_t size)
{
    snprintf(out, size, "local:%s;%x;%llx", FILE_NAMES[named->kind], XML_ADDRESS,
             (unsigned long long)xml_of(named).size);
}

static GC_ERROR url_info(const struct named *named, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size)
{
    char url[128];
    switch (cmd) {
    case URL_INFO_URL:
        url_of(named, url, sizeof url);
        return give_text(url, type, out, size);
    case URL_INFO_SCHEMA_VER_MAJOR:
    case URL_INFO_SCHEMA_VER_MINOR:
    case URL_INFO_FILE_VER_MAJOR:
        return give_i32(1, type, out, size);
    case URL_INFO_FILE_VER_MINOR:
    case URL_INFO_FILE_VER_SUBMINOR:
        return give_i32(0, type, out, size);
    case URL_INFO_FILE_REGISTER_ADDRESS:
        return give_u64(XML_ADDRESS, type, out, size);
    case URL_INFO_FILE_SIZE:
        return give_u64(xml_of(named).size, type, out, size);
    case URL_INFO_SCHEME:
        return give_i32(URL_SCHEME_LOCAL, type, out, size);
    case URL_INFO_FILENAME:
        return give_text(FILE_NAMES[named->kind], type, out, size);
    default:
        return fail(GC_ERR_NOT_AVAILABLE, "URL info %d is not available", cmd);
    }
}

GC_API GCGetPortURL(PORT_HANDLE port, char *url, size_t *size)
{
    struct named named;
    GC_ERROR code = enter_port(port, &named);
    return code ? code : leave(url_info(&named, URL_INFO_URL, NULL, url, size));
}

GC_API GCGetNumPortURLs(PORT_HANDLE port, uint32_t *count)
{
    struct named named;
    GC_ERROR code = enter_port(port, &named);
    if (code)
        return code;
    if (!count)
        return leave(fail(GC_ERR_INVALID_PARAMETER, "the pointer to the count is NULL"));
    *count = 1;
    return leave(GC_ERR_SUCCESS);
}

GC_API GCGetPortURLInfo(PORT_HANDLE port, uint32_t index, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size)
{
    struct named named;
    GC_ERROR code = enter_port(port, &named);
    if (code)
        return code;
    if (index != 0)
        return leave(fail(GC_ERR_INVALID_INDEX, "URL %u: there is only number 0", index));
    return leave(url_info(&named, cmd, type, out, size));
}

static GC_ERROR port_text(const struct named *named, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size)
{
    bool is_camera = named->kind == KIND_REMOTE || named->kind == KIND_DEVICE;
    switch (cmd) {
    case PORT_INFO_ID:
        return module_info(named, 0, type, out, size); /* every module's info command 0 is its ID */
    case PORT_INFO_VENDOR:
        return is_camera ? module_info(named, DEVICE_INFO_VENDOR, type, out, size)
                         : give_text(VENDOR, type, out, size);
    case PORT_INFO_MODEL:
        return is_camera ? module_info(named, DEVICE_INFO_MODEL, type, out, size) : give_text(MODEL, type, out, size);
    case PORT_INFO_TLTYPE:
        return give_text(TL_TYPE, type, out, size);
    case PORT_INFO_MODULE:
        return give_text(MODULE_NAMES[named->kind], type, out, size);
    case PORT_INFO_VERSION:
        return give_text(PRODUCER_VERSION, type, out, size);
    default:
        return give_text(PORT_NAMES[named->kind], type, out, size);
    }
}

GC_API GCGetPortInfo(PORT_HANDLE port, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size)
{
    struct named named;
    GC_ERROR code = enter_port(port, &named);
    if (code)
        return code;
    bool is_writable = named.kind != KIND_REMOTE || named.device->is_writable;
    switch (cmd) {
    case PORT_INFO_LITTLE_ENDIAN:
    case PORT_INFO_ACCESS_READ:
        return leave(give_bool(true, type, out, size));
    case PORT_INFO_ACCESS_WRITE:
        return leave(give_bool(is_writable, type, out, size));
    case PORT_INFO_BIG_ENDIAN:
    case PORT_INFO_ACCESS_NA:
    case PORT_INFO_ACCESS_NI:
        return leave(give_bool(false, type, out, size));
    case PORT_INFO_ID:
    case PORT_INFO_VENDOR:
    case PORT_INFO_MODEL:
    case PORT_INFO_TLTYPE:
    case PORT_INFO_MODULE:
    case PORT_INFO_VERSION:
    case PORT_INFO_PORTNAME:
        return leave(port_text(&named, cmd, type, out, size));
    default:
        return leave(fail(GC_ERR_NOT_IMPLEMENTED, "port info %d is unknown", cmd));
    }
}
