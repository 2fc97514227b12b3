/* What a data stream tells of itself: its name, its counts, what it asks of buffers.
 *
 * In: one stream. Out: values for the consumer. It changes nothing but what a look at the link brings (stream_ready).
 * Not here: how buffers are filled (see stream.c).
 */
#include <string.h>

#include "producer.h"

GC_ERROR stream_info(struct device *device, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size)
{
    const struct stream *stream = &device->stream;
    char id[160];
    uint64_t payload = 0;
    switch (cmd) {
    case STREAM_INFO_ID:
        camera_id(device->index, id, 128);
        strcat(id, "-stream");
        return give_text(id, type, out, size);
    case STREAM_INFO_NUM_DELIVERED:
        return give_u64(stream->delivered, type, out, size);
    case STREAM_INFO_NUM_UNDERRUN:
        return give_u64(atomic_load(&device->camera->frames_dropped) - stream->dropped_before, type, out, size);
    case RIGSIM_STREAM_INFO_RESENT:
        return give_u64(atomic_load(&device->camera->packets_resent), type, out, size);
    case STREAM_INFO_NUM_ANNOUNCED:
        return give_size(stream->announced, type, out, size);
    case STREAM_INFO_NUM_QUEUED:
        return give_size(stream->queued, type, out, size);
    case STREAM_INFO_NUM_AWAIT_DELIVERY:
        return give_size(stream_ready(device), type, out, size);
    case STREAM_INFO_NUM_STARTED:
        return give_u64(stream->started, type, out, size);
    case STREAM_INFO_PAYLOAD_SIZE: {
        GC_ERROR code = feed_read_registers(device->camera, RIGSIM_REG_PAYLOAD, &payload, sizeof payload);
        return code ? code : give_size(payload, type, out, size);
    }
    case STREAM_INFO_IS_GRABBING:
        return give_bool(stream->is_grabbing, type, out, size);
    case STREAM_INFO_DEFINES_PAYLOADSIZE:
        return give_bool(false, type, out, size);
    case STREAM_INFO_TLTYPE:
        return give_text(TL_TYPE, type, out, size);
    case STREAM_INFO_NUM_CHUNKS_MAX:
        return give_size(RIGSIM_CHUNKS, type, out, size);
    case STREAM_INFO_BUF_ANNOUNCE_MIN:
    case STREAM_INFO_BUF_ALIGNMENT:
        return give_size(1, type, out, size);
    default:
        return fail(GC_ERR_NOT_IMPLEMENTED, "stream info %d is unknown", cmd);
    }
}

GC_API DSGetInfo(DS_HANDLE stream, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size)
{
    struct named named;
    GC_ERROR code = enter(stream, KIND_STREAM, &named);
    return code ? code : leave(stream_info(named.device, cmd, type, out, size));
}
