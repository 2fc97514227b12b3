/* One camera as it is listed: what it says of itself, who holds it, and whether it is still there.
 *
 * In: a camera's index, or an opened device. Out: answers from the feed's memory. Opening and closing are device.c's.
 */
#include <stdio.h>
#include <string.h>

#include "producer.h"

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

static int32_t access_status(uint32_t index)
{
    const struct device *device = &library.devices[index];
    struct rigsim_camera *camera = feed_camera(&library.feed, index);
    if (device->generation)
        return device->is_writable && device->control_count == atomic_load(&camera->control_count) ? DEVICE_ACCESS_STATUS_OPEN_READWRITE : DEVICE_ACCESS_STATUS_OPEN_READONLY;
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
    const struct rigsim_camera *camera = feed_camera(&library.feed, index);
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
        if (!camera->tick_hz)
            return fail(GC_ERR_NOT_AVAILABLE, "the camera does not tell its tick frequency");
        return give_u64(camera->tick_hz, type, out, size);
    default:
        return fail(GC_ERR_NOT_IMPLEMENTED, "device info %d is unknown", cmd);
    }
}

/* A stream whose camera is out of reach has no error: nothing arrives, and what comes later arrives again. */
GC_ERROR device_check_handle(struct device *device)
{
    if (atomic_load(&device->camera->plug_count) != device->plug_count)
        return fail(GC_ERR_IO, "the camera was unplugged; close it, update the device list and open it again");
    if (!link_is_alive(&device->link))
        return fail(GC_ERR_IO, "the simulator is gone; start the simulated rig again");
    return GC_ERR_SUCCESS;
}

GC_ERROR device_check(struct device *device)
{
    GC_ERROR code = device_check_handle(device);
    if (code)
        return code;
    if (!atomic_load(&device->camera->is_present))
        return fail(GC_ERR_TIMEOUT, "the camera does not answer");
    return GC_ERR_SUCCESS;
}

/* GenTL 1.5, chapter 3: a child can be opened by an id that is known, whether or not it has been listed before. */
int find_camera(const struct interface *interface, const char *id)
{
    for (uint32_t i = 0; i < library.feed.memory->camera_count; i++) {
        char known[128];
        camera_id(i, known, sizeof known);
        if ((feed_camera(&library.feed, i)->interfaces >> interface->index & 1) && strcmp(known, id) == 0)
            return (int)i;
    }
    return -1;
}
