/* Handles: the state of all modules, and the way from a handle to the module that it names.
 *
 * In: handles. Out: checked modules, with the library's lock held. A handle is kind | index | slot | generation, so a
 * stale one is noticed and never followed. Not here: what a module does.
 */
#include <dlfcn.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "producer.h"

struct library library;

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
    for (uint32_t i = 0; i < RIGSIM_MAX_INTERFACES; i++)
        library.interfaces[i].index = i;
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
    if (named->kind == KIND_INTERFACE) {
        named->interface = index < RIGSIM_MAX_INTERFACES ? &library.interfaces[index] : NULL;
        return named->interface && named->interface->generation == generation;
    }
    if (named->kind == KIND_EVENT && index == LIBRARY_EVENTS) {
        named->event = slot < LIBRARY_EVENT_COUNT ? &library.events[slot] : NULL;
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

void events_drop(struct event *events, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        events[i].generation = 0;
        atomic_store(&events[i].kills, 0);
    }
}
