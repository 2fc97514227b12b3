/* What a buffer tells: its place, the frame in it, its chunks.
 *
 * In: one announced buffer, held by `enter_buffer`. Out: values for the consumer. It changes nothing. Not here: how the
 * frame came into the buffer (see stream.c). Each frame is one image of one part; its time stamp is told as it is, and
 * in ns where the camera tells how long its tick is.
 */
#include "producer.h"

static GC_ERROR stamp_ns(uint64_t tick_hz, uint64_t stamp, INFO_DATATYPE *type, void *out, size_t *size)
{
    if (!tick_hz)
        return fail(GC_ERR_NOT_AVAILABLE, "the camera does not tell how long its tick is");
    uint64_t ns_per_s = 1000000000u;
    uint64_t ns = stamp / tick_hz * ns_per_s + stamp % tick_hz * ns_per_s / tick_hz;
    return give_u64(ns, type, out, size);
}

/* What only a filled buffer can tell. */
static GC_ERROR frame_info(const struct device *device, const struct buffer *buffer, INFO_CMD cmd,
                           INFO_DATATYPE *type, void *out, size_t *size)
{
    const struct rigsim_slot *frame = &buffer->frame;
    if (!buffer->is_new)
        return fail(GC_ERR_NOT_AVAILABLE, "the buffer holds no frame");
    switch (cmd) {
    case BUFFER_INFO_TIMESTAMP:
        return give_u64(frame->stamp, type, out, size);
    case BUFFER_INFO_TIMESTAMP_NS:
        return stamp_ns(device->camera->tick_hz, frame->stamp, type, out, size);
    case BUFFER_INFO_WIDTH:
        return give_size(frame->width, type, out, size);
    case BUFFER_INFO_HEIGHT:
        return give_size(frame->height, type, out, size);
    case BUFFER_INFO_XOFFSET:
        return give_size(frame->x_offset, type, out, size);
    case BUFFER_INFO_YOFFSET:
        return give_size(frame->y_offset, type, out, size);
    case BUFFER_INFO_XPADDING:
        return give_size(frame->x_padding, type, out, size);
    case BUFFER_INFO_YPADDING:
    case BUFFER_INFO_IMAGEOFFSET:
        return give_size(0, type, out, size);
    case BUFFER_INFO_FRAMEID:
        return give_u64(frame->frame_id, type, out, size);
    case BUFFER_INFO_PIXELFORMAT:
        return give_u64(frame->pixel_format, type, out, size);
    case BUFFER_INFO_DELIVERED_IMAGEHEIGHT:
        return give_size(frame->delivered_height, type, out, size);
    case BUFFER_INFO_DELIVERED_CHUNKPAYLOADSIZE:
        return give_size(frame->chunk_count ? frame->filled_bytes : 0, type, out, size);
    case BUFFER_INFO_CHUNKLAYOUTID:
        return give_u64(1, type, out, size);
    case BUFFER_INFO_DATA_SIZE:
        return give_size(frame->data_bytes, type, out, size);
    default:
        return fail(GC_ERR_NOT_IMPLEMENTED, "buffer info %d is unknown", cmd);
    }
}

static GC_ERROR buffer_info(const struct device *device, const struct buffer *buffer, INFO_CMD cmd,
                            INFO_DATATYPE *type, void *out, size_t *size)
{
    switch (cmd) {
    case BUFFER_INFO_BASE:
        return give(INFO_DATATYPE_PTR, &buffer->base, sizeof buffer->base, type, out, size);
    case BUFFER_INFO_SIZE:
        return give_size(buffer->size, type, out, size);
    case BUFFER_INFO_USER_PTR:
        return give(INFO_DATATYPE_PTR, &buffer->user, sizeof buffer->user, type, out, size);
    case BUFFER_INFO_NEW_DATA:
    case BUFFER_INFO_IMAGEPRESENT:
        return give_bool(buffer->is_new, type, out, size);
    case BUFFER_INFO_IS_QUEUED:
        return give_bool(buffer->place != PLACE_USER, type, out, size);
    case BUFFER_INFO_IS_ACQUIRING:
        return give_bool(false, type, out, size);
    case BUFFER_INFO_IS_INCOMPLETE:
        return give_bool(buffer->frame.is_incomplete, type, out, size);
    case BUFFER_INFO_TLTYPE:
        return give_text(TL_TYPE, type, out, size);
    case BUFFER_INFO_SIZE_FILLED:
        return give_size(buffer->frame.filled_bytes, type, out, size);
    case BUFFER_INFO_PAYLOADTYPE:
        return give_size(PAYLOAD_TYPE_IMAGE, type, out, size);
    case BUFFER_INFO_PIXELFORMAT_NAMESPACE:
        return give_u64(PIXELFORMAT_NAMESPACE_PFNC_32BIT, type, out, size);
    case BUFFER_INFO_PIXEL_ENDIANNESS:
        return give_i32(PIXELENDIANNESS_LITTLE, type, out, size);
    case BUFFER_INFO_DATA_LARGER_THAN_BUFFER:
        return give_bool(buffer->is_too_small, type, out, size);
    case BUFFER_INFO_CONTAINS_CHUNKDATA:
        return give_bool(buffer->frame.chunk_count > 0, type, out, size);
    default:
        return frame_info(device, buffer, cmd, type, out, size);
    }
}

GC_API DSGetBufferInfo(DS_HANDLE stream, BUFFER_HANDLE buffer, INFO_CMD cmd, INFO_DATATYPE *type, void *out,
                       size_t *size)
{
    struct named named;
    GC_ERROR code = enter_buffer(stream, buffer, &named);
    return code ? code : leave_buffer(&named, buffer_info(named.device, named.buffer, cmd, type, out, size));
}

/* Of GenTL 1.6, but consumers call it wherever it is exported: one call for all that they want to know of a buffer. */
GC_API DSGetBufferInfoStacked(DS_HANDLE stream, BUFFER_HANDLE buffer, DS_BUFFER_INFO_STACKED *infos, size_t count)
{
    struct named named;
    GC_ERROR code = enter_buffer(stream, buffer, &named);
    if (code)
        return code;
    if (!infos || !count)
        return leave_buffer(&named, fail(GC_ERR_INVALID_PARAMETER, "no infos are asked for"));
    for (size_t i = 0; i < count; i++) {
        INFO_DATATYPE type = infos[i].iType;
        size_t size = infos[i].iSize;
        infos[i].iResult =
            buffer_info(named.device, named.buffer, infos[i].iInfoCmd, &type, infos[i].pBuffer, &size);
        infos[i].iType = type;
        infos[i].iSize = size;
    }
    return leave_buffer(&named, GC_ERR_SUCCESS);
}

GC_API DSGetBufferChunkData(DS_HANDLE stream, BUFFER_HANDLE buffer, SINGLE_CHUNK_DATA *chunks, size_t *count)
{
    struct named named;
    GC_ERROR code = enter_buffer(stream, buffer, &named);
    if (code)
        return code;
    if (!count)
        return leave_buffer(&named, fail(GC_ERR_INVALID_PARAMETER, "the pointer to the count is NULL"));
    const struct rigsim_slot *frame = &named.buffer->frame;
    if (!frame->chunk_count)
        return leave_buffer(&named, fail(GC_ERR_NO_DATA, "the buffer holds no chunks"));
    if (chunks && *count < frame->chunk_count) {
        *count = frame->chunk_count;
        return leave_buffer(&named, fail(GC_ERR_BUFFER_TOO_SMALL, "the buffer holds %u chunks", frame->chunk_count));
    }
    for (uint32_t i = 0; chunks && i < frame->chunk_count; i++)
        chunks[i] = (SINGLE_CHUNK_DATA){.ChunkID = frame->chunks[i].id,
                                        .ChunkOffset = (ptrdiff_t)frame->chunks[i].offset,
                                        .ChunkLength = frame->chunks[i].length};
    *count = frame->chunk_count;
    return leave_buffer(&named, GC_ERR_SUCCESS);
}

GC_API DSGetNumBufferParts(DS_HANDLE stream, BUFFER_HANDLE buffer, uint32_t *count)
{
    (void)stream;
    (void)buffer;
    (void)count;
    return fail(GC_ERR_NOT_IMPLEMENTED, "these cameras send no multi-part data");
}

GC_API DSGetBufferPartInfo(DS_HANDLE stream, BUFFER_HANDLE buffer, uint32_t part, INFO_CMD cmd, INFO_DATATYPE *type,
                           void *out, size_t *size)
{
    (void)stream;
    (void)buffer;
    (void)part;
    (void)cmd;
    (void)type;
    (void)out;
    (void)size;
    return fail(GC_ERR_NOT_IMPLEMENTED, "these cameras send no multi-part data");
}
