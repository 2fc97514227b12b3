/* DataStream: announce buffers, queue them, fill them from the frame ring. What is in one and what a stream
 * tells of itself: buffer_info.c, stream_info.c.
 *
 * In: buffers of the consumer and the frame ring of one camera. Out: filled buffers, oldest first. The bytes of a frame
 * that is still on the link go into the oldest queued buffer, as packets would, but by whichever call looks for news;
 * what is not there when the frame has arrived is copied when the consumer takes it. Until it is taken a frame lies in
 * the ring, so the ring stands in for the output queue, and a frame is lost when the ring is full rather than when the
 * input pool is empty (the lies of this file).
 */
#include <stdlib.h>
#include <string.h>

#include "producer.h"

static void place(struct stream *stream, struct buffer *buffer, enum place where)
{
    stream->queued -= buffer->place == PLACE_INPUT;
    stream->waiting -= buffer->place == PLACE_OUTPUT;
    buffer->place = where;
    buffer->order = ++stream->order;
    stream->queued += where == PLACE_INPUT;
    stream->waiting += where == PLACE_OUTPUT;
    if (where == PLACE_INPUT) {
        buffer->is_new = false;
        buffer->ahead = 0;
        memset(&buffer->frame, 0, sizeof buffer->frame);
    }
}

static struct buffer *oldest(struct stream *stream, enum place where)
{
    struct buffer *found = NULL;
    for (struct buffer *b = stream->buffers; b < stream->buffers + MAX_BUFFERS; b++)
        if (b->generation && b->place == where && (!found || b->order < found->order))
            found = b;
    return found;
}

/* Frames of the ring that may still be taken. */
static uint64_t ring_ready(const struct device *device)
{
    const struct stream *stream = &device->stream;
    uint64_t read = atomic_load_explicit(&device->camera->frames_read, memory_order_relaxed);
    uint64_t end = atomic_load_explicit(&device->camera->frames_written, memory_order_acquire);
    if (!stream->is_grabbing && end > stream->last_frame)
        end = stream->last_frame;
    uint64_t ready = end > read ? end - read : 0;
    return ready < stream->frames_left ? ready : stream->frames_left;
}

/* Bytes of a frame that arrive, as far as the slot can hold them. */
static uint64_t slot_bytes(const struct device *device, const struct rigsim_slot *slot)
{
    uint64_t room = device->camera->slot_stride - RIGSIM_SLOT_DATA;
    return slot->filled_bytes < room ? slot->filled_bytes : room;
}

/* Take what is on the link. The simulator goes on meanwhile: only a slot that holds the very painting that is on the
 * link is copied, and what was copied counts only if that painting is the one that arrives. */
static void receive(struct device *device)
{
    struct stream *stream = &device->stream;
    struct rigsim_camera *camera = device->camera;
    uint64_t ahead = atomic_load_explicit(&camera->frame_ahead, memory_order_acquire);
    if (!ahead || !stream->is_grabbing || !stream->queued || !stream->frames_left || ring_ready(device))
        return;
    struct buffer *buffer = oldest(stream, PLACE_INPUT);
    if (buffer->ahead == ahead)
        return;
    const struct rigsim_slot *slot = feed_slot(&library.feed, camera, atomic_load(&camera->frames_written));
    if (!slot || slot->painting != ahead || slot_bytes(device, slot) > buffer->size)
        return;
    memcpy(buffer->base, (const uint8_t *)slot + RIGSIM_SLOT_DATA, slot_bytes(device, slot));
    buffer->ahead = ahead;
}

static void discard_frames(struct device *device)
{
    atomic_store(&device->camera->frames_read, atomic_load(&device->camera->frames_written));
}

static void fill(struct device *device, struct buffer *buffer)
{
    uint64_t frame = atomic_load(&device->camera->frames_read);
    const struct rigsim_slot *slot = feed_slot(&library.feed, device->camera, frame);
    if (slot) {
        buffer->frame = *slot;
        if (buffer->frame.chunk_count > RIGSIM_CHUNKS)
            buffer->frame.chunk_count = RIGSIM_CHUNKS;
        uint64_t bytes = slot_bytes(device, &buffer->frame);
        buffer->is_too_small = bytes > buffer->size;
        if (buffer->is_too_small) {
            bytes = buffer->size;
            buffer->frame.is_incomplete = 1;
            buffer->frame.chunk_count = 0;
        }
        if (!buffer->ahead || buffer->ahead != buffer->frame.painting)
            memcpy(buffer->base, (const uint8_t *)slot + RIGSIM_SLOT_DATA, bytes);
        buffer->frame.filled_bytes = bytes;
    }
    buffer->is_new = true;
    atomic_store_explicit(&device->camera->frames_read, frame + 1, memory_order_release);
}

GC_ERROR stream_take(struct device *device, EVENT_NEW_BUFFER_DATA *out)
{
    struct stream *stream = &device->stream;
    pthread_mutex_lock(&device->lock);
    receive(device);
    struct buffer *buffer = NULL;
    if (stream->waiting) {
        buffer = oldest(stream, PLACE_OUTPUT);
    } else if (stream->queued && ring_ready(device)) {
        buffer = oldest(stream, PLACE_INPUT);
        fill(device, buffer);
        stream->delivered++;
        stream->started++;
        if (stream->frames_left != GENTL_INFINITE)
            stream->frames_left--;
    }
    if (buffer) {
        place(stream, buffer, PLACE_USER);
        out->BufferHandle = make_handle(KIND_BUFFER, device->index, (uint32_t)(buffer - stream->buffers),
                                        buffer->generation);
        out->pUserPointer = buffer->user;
    }
    pthread_mutex_unlock(&device->lock);
    return buffer ? GC_ERR_SUCCESS : GC_ERR_NO_DATA;
}

size_t stream_ready(struct device *device)
{
    pthread_mutex_lock(&device->lock);
    receive(device);
    uint64_t ready = ring_ready(device);
    size_t count = device->stream.waiting + (ready < device->stream.queued ? ready : device->stream.queued);
    pthread_mutex_unlock(&device->lock);
    return count;
}

static void flush_output(struct device *device, enum place where)
{
    for (uint32_t i = 0; i < MAX_BUFFERS; i++) {
        struct buffer *buffer = &device->stream.buffers[i];
        if (buffer->generation && buffer->place == PLACE_OUTPUT)
            place(&device->stream, buffer, where);
    }
    discard_frames(device);
}

void stream_discard(struct device *device)
{
    pthread_mutex_lock(&device->lock);
    flush_output(device, PLACE_USER);
    pthread_mutex_unlock(&device->lock);
}

static void forget(struct stream *stream, struct buffer *buffer)
{
    place(stream, buffer, PLACE_USER);
    if (buffer->is_own)
        free(buffer->base);
    memset(buffer, 0, sizeof *buffer);
    stream->announced--;
}

void stream_close(struct device *device)
{
    if (!device->stream.generation)
        return;
    pthread_mutex_lock(&device->lock);
    atomic_store(&device->camera->is_streaming, 0);
    device->stream.is_grabbing = false;
    for (uint32_t i = 0; i < MAX_BUFFERS; i++)
        if (device->stream.buffers[i].generation)
            forget(&device->stream, &device->stream.buffers[i]);
    device->stream.generation = 0;
    pthread_mutex_unlock(&device->lock);
    events_drop(&device->events[EVENT_SLOT_STREAM_ERROR], 2);
}

static GC_ERROR announce(DS_HANDLE stream, void *base, size_t size, void *user, bool is_own, BUFFER_HANDLE *handle)
{
    struct named named;
    GC_ERROR code = enter_to_change(stream, KIND_STREAM, &named);
    if (code)
        return code;
    struct stream *is = &named.device->stream;
    for (uint32_t i = 0; i < MAX_BUFFERS; i++) {
        struct buffer *buffer = &is->buffers[i];
        if (buffer->generation)
            continue;
        *buffer = (struct buffer){
            .generation = next_generation(), .base = base, .size = size, .user = user, .is_own = is_own};
        is->announced++;
        *handle = make_handle(KIND_BUFFER, named.device->index, i, buffer->generation);
        return leave(GC_ERR_SUCCESS);
    }
    return leave(fail(GC_ERR_RESOURCE_EXHAUSTED, "%d buffers are announced already", MAX_BUFFERS));
}

GC_API DSAnnounceBuffer(DS_HANDLE stream, void *base, size_t size, void *user, BUFFER_HANDLE *buffer)
{
    if (!base || !size || !buffer)
        return fail(GC_ERR_INVALID_PARAMETER, "a buffer needs memory, a size and a place for its handle");
    return announce(stream, base, size, user, false, buffer);
}

GC_API DSAllocAndAnnounceBuffer(DS_HANDLE stream, size_t size, void *user, BUFFER_HANDLE *buffer)
{
    if (!size || !buffer)
        return fail(GC_ERR_INVALID_PARAMETER, "a buffer needs a size and a place for its handle");
    void *base = malloc(size);
    if (!base)
        return fail(GC_ERR_OUT_OF_MEMORY, "no %zu bytes for a buffer", size);
    GC_ERROR code = announce(stream, base, size, user, true, buffer);
    if (code)
        free(base);
    return code;
}

GC_ERROR enter_buffer(DS_HANDLE stream, BUFFER_HANDLE buffer, struct named *named)
{
    struct named other;
    GC_ERROR code = enter(stream, KIND_STREAM, &other);
    if (code)
        return code;
    leave(GC_ERR_SUCCESS);
    code = enter(buffer, KIND_BUFFER, named);
    if (code)
        return code;
    if (named->device != other.device)
        return leave(fail(GC_ERR_INVALID_HANDLE, "the buffer belongs to another stream"));
    pthread_mutex_lock(&named->device->lock);
    return GC_ERR_SUCCESS;
}

GC_ERROR leave_buffer(const struct named *named, GC_ERROR code)
{
    pthread_mutex_unlock(&named->device->lock);
    return leave(code);
}

GC_API DSRevokeBuffer(DS_HANDLE stream, BUFFER_HANDLE buffer, void **base, void **user)
{
    struct named named;
    GC_ERROR code = enter_buffer(stream, buffer, &named);
    if (code)
        return code;
    if (named.buffer->place != PLACE_USER)
        return leave_buffer(&named, fail(GC_ERR_BUSY, "the buffer is queued; flush the queues first"));
    if (base)
        *base = named.buffer->is_own ? NULL : named.buffer->base;
    if (user)
        *user = named.buffer->user;
    forget(&named.device->stream, named.buffer);
    return leave_buffer(&named, GC_ERR_SUCCESS);
}

GC_API DSQueueBuffer(DS_HANDLE stream, BUFFER_HANDLE buffer)
{
    struct named named;
    GC_ERROR code = enter_buffer(stream, buffer, &named);
    if (code)
        return code;
    if (named.buffer->place != PLACE_USER)
        return leave_buffer(&named, fail(GC_ERR_BUSY, "the buffer is queued already"));
    place(&named.device->stream, named.buffer, PLACE_INPUT);
    if (atomic_load(&named.device->events[EVENT_SLOT_BUFFER].waiting))
        bell_ring(&named.device->camera->doorbell);
    return leave_buffer(&named, GC_ERR_SUCCESS);
}

GC_API DSFlushQueue(DS_HANDLE stream, ACQ_QUEUE_TYPE operation)
{
    struct named named;
    GC_ERROR code = enter(stream, KIND_STREAM, &named);
    if (code)
        return code;
    if (operation < ACQ_QUEUE_INPUT_TO_OUTPUT || operation > ACQ_QUEUE_ALL_DISCARD)
        return leave(fail(GC_ERR_INVALID_PARAMETER, "flush operation %d is unknown", operation));
    struct stream *is = &named.device->stream;
    pthread_mutex_lock(&named.device->lock);
    if (operation != ACQ_QUEUE_INPUT_TO_OUTPUT && operation != ACQ_QUEUE_UNQUEUED_TO_INPUT)
        flush_output(named.device, operation == ACQ_QUEUE_ALL_TO_INPUT ? PLACE_INPUT : PLACE_USER);
    for (uint32_t i = 0; i < MAX_BUFFERS; i++) {
        struct buffer *buffer = &is->buffers[i];
        if (!buffer->generation)
            continue;
        if (operation == ACQ_QUEUE_INPUT_TO_OUTPUT && buffer->place == PLACE_INPUT)
            place(is, buffer, PLACE_OUTPUT);
        else if (operation == ACQ_QUEUE_ALL_DISCARD && buffer->place == PLACE_INPUT)
            place(is, buffer, PLACE_USER);
        else if ((operation == ACQ_QUEUE_UNQUEUED_TO_INPUT || operation == ACQ_QUEUE_ALL_TO_INPUT) &&
                 buffer->place == PLACE_USER)
            place(is, buffer, PLACE_INPUT);
    }
    pthread_mutex_unlock(&named.device->lock);
    bell_ring(&named.device->camera->doorbell);
    return leave(GC_ERR_SUCCESS);
}

GC_API DSStartAcquisition(DS_HANDLE stream, ACQ_START_FLAGS flags, uint64_t frames)
{
    struct named named;
    GC_ERROR code = enter(stream, KIND_STREAM, &named);
    if (code)
        return code;
    struct stream *is = &named.device->stream;
    if (flags != ACQ_START_FLAGS_DEFAULT || frames == 0)
        return leave(fail(GC_ERR_INVALID_PARAMETER, "start flags %d, %llu frames", flags, (unsigned long long)frames));
    code = device_check(named.device);
    if (code)
        return leave(code);
    pthread_mutex_lock(&named.device->lock);
    if (is->is_grabbing) {
        code = fail(GC_ERR_RESOURCE_IN_USE, "the acquisition runs already");
    } else if (!is->announced) {
        code = fail(GC_ERR_INVALID_BUFFER, "no buffer is announced");
    } else {
        discard_frames(named.device);
        is->is_grabbing = true;
        is->frames_left = frames;
        is->delivered = 0;
        atomic_store(&named.device->camera->is_streaming, 1);
    }
    pthread_mutex_unlock(&named.device->lock);
    return leave(code);
}

GC_API DSStopAcquisition(DS_HANDLE stream, ACQ_STOP_FLAGS flags)
{
    struct named named;
    GC_ERROR code = enter(stream, KIND_STREAM, &named);
    if (code)
        return code;
    if (flags != ACQ_STOP_FLAGS_DEFAULT && flags != ACQ_STOP_FLAGS_KILL)
        return leave(fail(GC_ERR_INVALID_PARAMETER, "stop flags %d are unknown", flags));
    struct stream *is = &named.device->stream;
    pthread_mutex_lock(&named.device->lock);
    if (!is->is_grabbing)
        code = fail(GC_ERR_RESOURCE_IN_USE, "the acquisition does not run");
    is->is_grabbing = false;
    is->last_frame = atomic_load(&named.device->camera->frames_written);
    atomic_store(&named.device->camera->is_streaming, 0);
    pthread_mutex_unlock(&named.device->lock);
    return leave(code);
}

GC_API DSGetBufferID(DS_HANDLE stream, uint32_t index, BUFFER_HANDLE *buffer)
{
    struct named named;
    GC_ERROR code = enter(stream, KIND_STREAM, &named);
    if (code)
        return code;
    if (!buffer)
        return leave(fail(GC_ERR_INVALID_PARAMETER, "the pointer to the handle is NULL"));
    const struct stream *is = &named.device->stream;
    for (uint32_t i = 0, seen = 0; i < MAX_BUFFERS; i++) {
        if (is->buffers[i].generation && seen++ == index) {
            *buffer = make_handle(KIND_BUFFER, named.device->index, i, is->buffers[i].generation);
            return leave(GC_ERR_SUCCESS);
        }
    }
    return leave(fail(GC_ERR_INVALID_INDEX, "buffer %u: %u are announced", index, is->announced));
}

GC_API DSClose(DS_HANDLE stream)
{
    struct named named;
    GC_ERROR code = enter_to_change(stream, KIND_STREAM, &named);
    if (code)
        return code;
    stream_close(named.device);
    bell_ring(&named.device->camera->doorbell);
    return leave(GC_ERR_SUCCESS);
}

GC_API DSGetParentDev(DS_HANDLE stream, DEV_HANDLE *device)
{
    struct named named;
    GC_ERROR code = enter(stream, KIND_STREAM, &named);
    if (code)
        return code;
    if (!device)
        return leave(fail(GC_ERR_INVALID_PARAMETER, "the pointer to the handle is NULL"));
    *device = make_handle(KIND_DEVICE, named.device->index, 0, named.device->generation);
    return leave(GC_ERR_SUCCESS);
}
