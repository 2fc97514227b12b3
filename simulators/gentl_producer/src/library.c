/* The library itself: initialisation, handles, last error, and how an answer is handed to a consumer.
 *
 * In: handles and values. Out: checked modules, and answers in GenTL's size-then-value manner. A handle is
 * kind | index | slot | generation, so a stale one is noticed and never followed.
 * Not here: what a module does (see modules.c).
 */
#include <dlfcn.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "producer.h"

struct library library;

static _Thread_local GC_ERROR last_code;
static _Thread_local char last_text[RIGSIM_TEXT_BYTES];

GC_ERROR fail(GC_ERROR code, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(last_text, sizeof last_text, format, values);
    va_end(values);
    last_code = code;
    return code;
}

GC_ERROR fail_quietly(GC_ERROR code)
{
    last_code = code;
    last_text[0] = 0;
    return code;
}

/* The folder is resolved when the library is loaded: a relative path would mean another one after a chdir. */
static void find_myself(void)
{
    Dl_info info;
    if (!dladdr((void *)&library, &info) || !info.dli_fname)
        return;
    char folder[PATH_BYTES];
    snprintf(folder, sizeof folder, "%s", info.dli_fname);
    char *slash = strrchr(folder, '/');
    const char *name = slash ? slash + 1 : info.dli_fname;
    if (slash)
        *slash = 0;
    char resolved[PATH_MAX];
    if (!realpath(slash ? folder : ".", resolved))
        return;
    snprintf(library.folder, sizeof library.folder, "%s", resolved);
    snprintf(library.path, sizeof library.path, "%.3800s/%.200s", resolved, name);
}

__attribute__((constructor)) static void prepare(void)
{
    pthread_rwlock_init(&library.lock, NULL);
    library.feed.link.fd = -1;
    pthread_mutex_init(&library.feed.link.lock, NULL);
    for (uint32_t i = 0; i < RIGSIM_MAX_CAMERAS; i++) {
        library.devices[i].index = i;
        library.devices[i].link.fd = -1;
        pthread_mutex_init(&library.devices[i].lock, NULL);
        pthread_mutex_init(&library.devices[i].link.lock, NULL);
    }
    find_myself();
}

uint32_t next_generation(void)
{
    if (++library.last_generation == 0)
        library.last_generation = 1;
    return library.last_generation;
}

void *make_handle(enum kind kind, uint32_t index, uint32_t slot, uint32_t generation)
{
    return (void *)(uintptr_t)((uint64_t)kind << 56 | (uint64_t)index << 48 | (uint64_t)slot << 32 | generation);
}

static bool resolve(void *handle, struct named *named)
{
    uint64_t number = (uint64_t)(uintptr_t)handle;
    uint32_t generation = (uint32_t)number, slot = (number >> 32) & 0xffff, index = (number >> 48) & 0xff;
    *named = (struct named){.kind = (enum kind)(number >> 56)};
    if (generation == 0)
        return false;
    if (named->kind == KIND_SYSTEM)
        return library.system == generation;
    if (named->kind == KIND_INTERFACE)
        return library.interface == generation;
    if (named->kind == KIND_EVENT && index == LIBRARY_EVENTS) {
        named->event = slot < 2 ? &library.events[slot] : NULL;
        return named->event && named->event->generation == generation;
    }
    if (index >= RIGSIM_MAX_CAMERAS)
        return false;
    named->device = &library.devices[index];
    switch (named->kind) {
    case KIND_EVENT:
        named->event = slot < EVENT_SLOTS ? &named->device->events[slot] : NULL;
        return named->event && named->event->generation == generation;
    case KIND_DEVICE:
    case KIND_REMOTE:
        return named->device->generation == generation;
    case KIND_STREAM:
        return named->device->stream.generation == generation;
    case KIND_BUFFER:
        named->buffer = slot < MAX_BUFFERS ? &named->device->stream.buffers[slot] : NULL;
        return named->buffer && named->buffer->generation == generation;
    default:
        return false;
    }
}

static GC_ERROR check(void *handle, enum kind kind, struct named *named)
{
    if (!library.is_initialized)
        return fail(GC_ERR_NOT_INITIALIZED, "GCInitLib has not been called");
    if (!resolve(handle, named) || (kind != KIND_NONE && named->kind != kind))
        return fail(GC_ERR_INVALID_HANDLE, "the handle names no open module of the kind that this function needs");
    return GC_ERR_SUCCESS;
}

/* A vendor's library may crash or hang in any call; the simulator can ask for both, once each time. */
static void obey_plant(void)
{
    if (!library.feed.memory || !atomic_load_explicit(&library.feed.memory->planted, memory_order_relaxed))
        return;
    switch (atomic_exchange(&library.feed.memory->planted, RIGSIM_PLANT_NOTHING)) {
    case RIGSIM_PLANT_CRASH:
        raise(SIGSEGV);
        break;
    case RIGSIM_PLANT_HANG:
        for (;;)
            pause();
    default:
        break;
    }
}

GC_ERROR enter(void *handle, enum kind kind, struct named *named)
{
    pthread_rwlock_rdlock(&library.lock);
    obey_plant();
    GC_ERROR code = check(handle, kind, named);
    if (code)
        pthread_rwlock_unlock(&library.lock);
    return code;
}

GC_ERROR enter_any(void *handle, struct named *named)
{
    return enter(handle, KIND_NONE, named);
}

GC_ERROR enter_to_change(void *handle, enum kind kind, struct named *named)
{
    pthread_rwlock_wrlock(&library.lock);
    GC_ERROR code = check(handle, kind, named);
    if (code)
        pthread_rwlock_unlock(&library.lock);
    return code;
}

GC_ERROR leave(GC_ERROR code)
{
    pthread_rwlock_unlock(&library.lock);
    return code;
}

GC_ERROR give(INFO_DATATYPE is, const void *value, size_t value_size, INFO_DATATYPE *type, void *out, size_t *size)
{
    if (!size)
        return fail(GC_ERR_INVALID_PARAMETER, "the pointer to the size is NULL");
    if (type)
        *type = is;
    if (out) {
        if (*size < value_size) {
            *size = value_size;
            return fail(GC_ERR_BUFFER_TOO_SMALL, "the answer needs %zu bytes", value_size);
        }
        memcpy(out, value, value_size);
    }
    *size = value_size;
    return GC_ERR_SUCCESS;
}

GC_ERROR give_text(const char *value, INFO_DATATYPE *type, void *out, size_t *size)
{
    return give(INFO_DATATYPE_STRING, value, strlen(value) + 1, type, out, size);
}

GC_ERROR give_size(size_t value, INFO_DATATYPE *type, void *out, size_t *size)
{
    return give(INFO_DATATYPE_SIZET, &value, sizeof value, type, out, size);
}

GC_ERROR give_u64(uint64_t value, INFO_DATATYPE *type, void *out, size_t *size)
{
    return give(INFO_DATATYPE_UINT64, &value, sizeof value, type, out, size);
}

GC_ERROR give_i32(int32_t value, INFO_DATATYPE *type, void *out, size_t *size)
{
    return give(INFO_DATATYPE_INT32, &value, sizeof value, type, out, size);
}

GC_ERROR give_bool(bool value, INFO_DATATYPE *type, void *out, size_t *size)
{
    bool8_t byte = value;
    return give(INFO_DATATYPE_BOOL8, &byte, sizeof byte, type, out, size);
}

GC_API GCInitLib(void)
{
    pthread_rwlock_wrlock(&library.lock);
    if (library.is_initialized)
        return leave(fail(GC_ERR_RESOURCE_IN_USE, "GCInitLib has been called already"));
    library.is_initialized = true;
    return leave(GC_ERR_SUCCESS);
}

GC_API GCCloseLib(void)
{
    pthread_rwlock_rdlock(&library.lock);
    bool is_initialized = library.is_initialized;
    uint32_t system = library.system;
    pthread_rwlock_unlock(&library.lock);
    if (!is_initialized)
        return fail(GC_ERR_NOT_INITIALIZED, "GCInitLib has not been called");
    if (system)
        TLClose(make_handle(KIND_SYSTEM, 0, 0, system));
    pthread_rwlock_wrlock(&library.lock);
    library.is_initialized = false;
    return leave(GC_ERR_SUCCESS);
}

GC_API GCGetInfo(INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size)
{
    return system_info(cmd, type, out, size);
}

GC_API GCGetLastError(GC_ERROR *code, char *text, size_t *size)
{
    if (!code || !size)
        return GC_ERR_INVALID_PARAMETER;
    *code = last_code;
    size_t needed = strlen(last_text) + 1;
    if (text && *size < needed) {
        *size = needed;
        return GC_ERR_BUFFER_TOO_SMALL;
    }
    if (text)
        memcpy(text, last_text, needed);
    *size = needed;
    return GC_ERR_SUCCESS;
}

/* ---- Functions of GenTL 1.6 that this 1.5 producer does not have: some consumers expect the names to exist. ---- */

#define NOT_HERE(name)                                                                \
    GC_API name(void);                                                                \
    GC_API name(void)                                                                 \
    {                                                                                 \
        return fail(GC_ERR_NOT_IMPLEMENTED, #name " is of GenTL 1.6, this is 1.5");   \
    }

/* Called with arguments that they ignore: in C's calling convention the caller cleans up. */
NOT_HERE(DSAnnounceCompositeBuffer)
NOT_HERE(DSGetNumFlows)
NOT_HERE(DSGetFlowInfo)
NOT_HERE(DSGetNumBufferSegments)
NOT_HERE(DSGetBufferSegmentInfo)
NOT_HERE(DSGetBufferPartInfoStacked)
