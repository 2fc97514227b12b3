/* A consumer in C for the sanitizer and the leak test: open, stream, stop, close, again and again.
 *
 *   drive_producer CTI CYCLES NAME=ADDRESS...
 *
 * In: a running simulated camera with TriggerMode, TriggerSource, TriggerSoftware, AcquisitionStart, AcquisitionStop.
 * Out: status 0, and the resident bytes after a tenth of the cycles and at the end. Any unexpected answer ends it with
 * status 1 and a line that says which.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gentl.h"

static void *library;
static int arguments_count;
static char **arguments;

/* Each function by its name, with the type that the header gives it. */
#define F(name) ((__typeof__(&name))dlsym(library, #name))
#define EXPECT(code, call) expect((code), (call), #call, __LINE__)

static void expect(GC_ERROR wanted, GC_ERROR got, const char *what, int line)
{
    if (wanted == got)
        return;
    GC_ERROR code;
    char text[256] = "";
    size_t size = sizeof text;
    F(GCGetLastError)(&code, text, &size);
    fprintf(stderr, "line %d: %s gave %d (%s), expected %d\n", line, what, got, text, wanted);
    exit(1);
}

static uint64_t address_of(const char *name)
{
    size_t length = strlen(name);
    for (int i = 3; i < arguments_count; i++)
        if (strncmp(arguments[i], name, length) == 0 && arguments[i][length] == '=')
            return strtoull(arguments[i] + length + 1, NULL, 0);
    fprintf(stderr, "no address of %s\n", name);
    exit(1);
}

static void write_register(PORT_HANDLE port, const char *name, uint64_t value)
{
    size_t size = sizeof value;
    EXPECT(GC_ERR_SUCCESS, F(GCWritePort)(port, address_of(name), &value, &size));
}

static long resident_bytes(void)
{
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &pages, &resident) != 2)
        exit(1);
    fclose(file);
    return resident * sysconf(_SC_PAGESIZE);
}

struct opened {
    TL_HANDLE system;
    IF_HANDLE interface;
    DEV_HANDLE device;
    PORT_HANDLE remote;
    DS_HANDLE stream;
    EVENT_HANDLE event;
    BUFFER_HANDLE buffers[8];
};

static void open_all(struct opened *o)
{
    char id[256];
    size_t size = sizeof id;
    bool8_t changed;
    EXPECT(GC_ERR_SUCCESS, F(GCInitLib)());
    EXPECT(GC_ERR_SUCCESS, F(TLOpen)(&o->system));
    EXPECT(GC_ERR_SUCCESS, F(TLUpdateInterfaceList)(o->system, &changed, 10));
    EXPECT(GC_ERR_SUCCESS, F(TLGetInterfaceID)(o->system, 0, id, &size));
    EXPECT(GC_ERR_SUCCESS, F(TLOpenInterface)(o->system, id, &o->interface));
    EXPECT(GC_ERR_SUCCESS, F(IFUpdateDeviceList)(o->interface, &changed, 10));
    size = sizeof id;
    EXPECT(GC_ERR_SUCCESS, F(IFGetDeviceID)(o->interface, 0, id, &size));
    EXPECT(GC_ERR_SUCCESS, F(IFOpenDevice)(o->interface, id, DEVICE_ACCESS_EXCLUSIVE, &o->device));
    EXPECT(GC_ERR_SUCCESS, F(DevGetPort)(o->device, &o->remote));
    size = sizeof id;
    EXPECT(GC_ERR_SUCCESS, F(DevGetDataStreamID)(o->device, 0, id, &size));
    EXPECT(GC_ERR_SUCCESS, F(DevOpenDataStream)(o->device, id, &o->stream));
    EXPECT(GC_ERR_SUCCESS, F(GCRegisterEvent)(o->stream, EVENT_NEW_BUFFER, &o->event));
}

static void read_descriptions(const struct opened *o)
{
    PORT_HANDLE ports[] = {o->system, o->interface, o->device, o->remote, o->stream};
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
        INFO_DATATYPE type;
        uint64_t bytes = 0, address = 0;
        size_t size = sizeof bytes;
        EXPECT(GC_ERR_SUCCESS, F(GCGetPortURLInfo)(ports[i], 0, URL_INFO_FILE_SIZE, &type, &bytes, &size));
        EXPECT(GC_ERR_SUCCESS, F(GCGetPortURLInfo)(ports[i], 0, URL_INFO_FILE_REGISTER_ADDRESS, &type, &address, &size));
        char *xml = malloc(bytes);
        size = bytes;
        EXPECT(GC_ERR_SUCCESS, F(GCReadPort)(ports[i], address, xml, &size));
        size = bytes + 1;
        EXPECT(GC_ERR_INVALID_ADDRESS, F(GCReadPort)(ports[i], address, xml, &size));
        free(xml);
    }
}

/* Every info command of every module into memory of exactly its size: the sanitizer sees a byte too many. */
static void ask_everything(const struct opened *o, BUFFER_HANDLE buffer)
{
    for (INFO_CMD cmd = -1; cmd < 40; cmd++) {
        INFO_DATATYPE type;
        for (int module = 0; module < 6; module++) {
            size_t size = 0;
            for (int round = 0; round < 2; round++) {
                void *out = round ? malloc(size) : NULL;
                GC_ERROR code = module == 0   ? F(TLGetInfo)(o->system, cmd, &type, out, &size)
                                : module == 1 ? F(IFGetInfo)(o->interface, cmd, &type, out, &size)
                                : module == 2 ? F(DevGetInfo)(o->device, cmd, &type, out, &size)
                                : module == 3 ? F(DSGetInfo)(o->stream, cmd, &type, out, &size)
                                : module == 4 ? F(DSGetBufferInfo)(o->stream, buffer, cmd, &type, out, &size)
                                              : F(GCGetPortInfo)(o->stream, cmd, &type, out, &size);
                free(out);
                if (code != GC_ERR_SUCCESS && code != GC_ERR_NOT_IMPLEMENTED && code != GC_ERR_NOT_AVAILABLE)
                    EXPECT(GC_ERR_SUCCESS, code);
                if (code)
                    break;
            }
        }
    }
}

static void *wait_for_ever(void *event)
{
    EVENT_NEW_BUFFER_DATA data;
    size_t size = sizeof data;
    return (void *)(intptr_t)F(EventGetData)(event, &data, &size, GENTL_INFINITE);
}

static void kill_a_waiter(const struct opened *o)
{
    pthread_t waiter;
    void *told;
    pthread_create(&waiter, NULL, wait_for_ever, o->event);
    EXPECT(GC_ERR_SUCCESS, F(EventKill)(o->event));
    pthread_join(waiter, &told);
    EXPECT(GC_ERR_ABORT, (GC_ERROR)(intptr_t)told);
}

static void stream_frames(struct opened *o, int frames)
{
    static uint8_t memory[4][64 * 48];
    for (int i = 0; i < 8; i++) {
        if (i < 4)
            EXPECT(GC_ERR_SUCCESS, F(DSAnnounceBuffer)(o->stream, memory[i], sizeof memory[i], NULL, &o->buffers[i]));
        else
            EXPECT(GC_ERR_SUCCESS, F(DSAllocAndAnnounceBuffer)(o->stream, 64 * 48, NULL, &o->buffers[i]));
        EXPECT(GC_ERR_SUCCESS, F(DSQueueBuffer)(o->stream, o->buffers[i]));
    }
    write_register(o->remote, "TriggerMode", 1);
    write_register(o->remote, "TriggerSource", 0);
    EXPECT(GC_ERR_SUCCESS, F(DSStartAcquisition)(o->stream, ACQ_START_FLAGS_DEFAULT, GENTL_INFINITE));
    write_register(o->remote, "AcquisitionStart", 1);
    for (int i = 0; i < frames; i++) {
        write_register(o->remote, "TriggerSoftware", 1);
        EVENT_NEW_BUFFER_DATA data;
        size_t size = sizeof data;
        EXPECT(GC_ERR_SUCCESS, F(EventGetData)(o->event, &data, &size, 5000));
        if (i == 0)
            ask_everything(o, data.BufferHandle);
        EXPECT(GC_ERR_SUCCESS, F(DSQueueBuffer)(o->stream, data.BufferHandle));
    }
    kill_a_waiter(o);
    write_register(o->remote, "AcquisitionStop", 1);
    EXPECT(GC_ERR_SUCCESS, F(DSStopAcquisition)(o->stream, ACQ_STOP_FLAGS_KILL));
    EXPECT(GC_ERR_SUCCESS, F(DSFlushQueue)(o->stream, ACQ_QUEUE_ALL_DISCARD));
    for (int i = 0; i < 6; i++) /* the last two are revoked by closing the stream */
        EXPECT(GC_ERR_SUCCESS, F(DSRevokeBuffer)(o->stream, o->buffers[i], NULL, NULL));
}

static void close_all(struct opened *o, int cycle)
{
    if (cycle % 2 == 0) { /* step by step; else GCCloseLib closes everything that is open */
        EXPECT(GC_ERR_SUCCESS, F(GCUnregisterEvent)(o->stream, EVENT_NEW_BUFFER));
        EXPECT(GC_ERR_SUCCESS, F(DSClose)(o->stream));
        EXPECT(GC_ERR_INVALID_HANDLE, F(DSClose)(o->stream));
        EXPECT(GC_ERR_SUCCESS, F(DevClose)(o->device));
        EXPECT(GC_ERR_SUCCESS, F(IFClose)(o->interface));
        EXPECT(GC_ERR_SUCCESS, F(TLClose)(o->system));
    }
    EXPECT(GC_ERR_SUCCESS, F(GCCloseLib)());
}

int main(int argc, char **argv)
{
    arguments_count = argc;
    arguments = argv;
    int cycles = argc > 2 ? atoi(argv[2]) : 0;
    library = argc > 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!library) {
        fprintf(stderr, "drive_producer CTI CYCLES NAME=ADDRESS...: %s\n", argc > 2 ? dlerror() : "too few arguments");
        return 1;
    }
    long early = 0;
    for (int cycle = 0; cycle < cycles; cycle++) {
        struct opened o;
        open_all(&o);
        if (cycle == 0)
            read_descriptions(&o);
        stream_frames(&o, 2);
        close_all(&o, cycle);
        if (cycle == cycles / 10)
            early = resident_bytes();
    }
    printf("%ld %ld\n", early, resident_bytes());
    return 0;
}
