/* GenTL 1.5 as far as this producer speaks it: types, numbers and functions, written down from the public standard.
 *
 * In: nothing. Out: the binary interface between a GenTL consumer and a producer. Numbers and names are the
 * standard's (EMVA GenICam GenTL); sizes of the packed structures are part of the interface.
 * Not here: how the producer works (see producer.h).
 */
#ifndef RIGSIM_GENTL_H
#define RIGSIM_GENTL_H

#include <stddef.h>
#include <stdint.h>

#define GC_API __attribute__((visibility("default"))) GC_ERROR

typedef int32_t GC_ERROR;
typedef uint8_t bool8_t;
typedef int32_t INFO_DATATYPE;
typedef int32_t INFO_CMD; /* all ..._INFO_CMD types are int32 */
typedef int32_t DEVICE_ACCESS_FLAGS;
typedef int32_t ACQ_START_FLAGS;
typedef int32_t ACQ_STOP_FLAGS;
typedef int32_t ACQ_QUEUE_TYPE;
typedef int32_t EVENT_TYPE;

typedef void *TL_HANDLE;
typedef void *IF_HANDLE;
typedef void *DEV_HANDLE;
typedef void *DS_HANDLE;
typedef void *PORT_HANDLE;
typedef void *BUFFER_HANDLE;
typedef void *EVENTSRC_HANDLE;
typedef void *EVENT_HANDLE;

#define GENTL_INFINITE UINT64_MAX

enum {
    GC_ERR_SUCCESS = 0,
    GC_ERR_ERROR = -1001,
    GC_ERR_NOT_INITIALIZED = -1002,
    GC_ERR_NOT_IMPLEMENTED = -1003,
    GC_ERR_RESOURCE_IN_USE = -1004,
    GC_ERR_ACCESS_DENIED = -1005,
    GC_ERR_INVALID_HANDLE = -1006,
    GC_ERR_INVALID_ID = -1007,
    GC_ERR_NO_DATA = -1008,
    GC_ERR_INVALID_PARAMETER = -1009,
    GC_ERR_IO = -1010,
    GC_ERR_TIMEOUT = -1011,
    GC_ERR_ABORT = -1012,
    GC_ERR_INVALID_BUFFER = -1013,
    GC_ERR_NOT_AVAILABLE = -1014,
    GC_ERR_INVALID_ADDRESS = -1015,
    GC_ERR_BUFFER_TOO_SMALL = -1016,
    GC_ERR_INVALID_INDEX = -1017,
    GC_ERR_INVALID_VALUE = -1019,
    GC_ERR_RESOURCE_EXHAUSTED = -1020,
    GC_ERR_OUT_OF_MEMORY = -1021,
    GC_ERR_BUSY = -1022,
};

enum {
    INFO_DATATYPE_STRING = 1,
    INFO_DATATYPE_INT32 = 5,
    INFO_DATATYPE_UINT64 = 8,
    INFO_DATATYPE_PTR = 10,
    INFO_DATATYPE_BOOL8 = 11,
    INFO_DATATYPE_SIZET = 12,
    INFO_DATATYPE_BUFFER = 13,
    INFO_DATATYPE_UINT32 = 6,
};

enum {
    TL_INFO_ID = 0,
    TL_INFO_VENDOR,
    TL_INFO_MODEL,
    TL_INFO_VERSION,
    TL_INFO_TLTYPE,
    TL_INFO_NAME,
    TL_INFO_PATHNAME,
    TL_INFO_DISPLAYNAME,
    TL_INFO_CHAR_ENCODING,
    TL_INFO_GENTL_VER_MAJOR,
    TL_INFO_GENTL_VER_MINOR,
};
enum { TL_CHAR_ENCODING_ASCII = 0, TL_CHAR_ENCODING_UTF8 = 1 };

enum { INTERFACE_INFO_ID = 0, INTERFACE_INFO_DISPLAYNAME, INTERFACE_INFO_TLTYPE };

enum {
    DEVICE_INFO_ID = 0,
    DEVICE_INFO_VENDOR,
    DEVICE_INFO_MODEL,
    DEVICE_INFO_TLTYPE,
    DEVICE_INFO_DISPLAYNAME,
    DEVICE_INFO_ACCESS_STATUS,
    DEVICE_INFO_USER_DEFINED_NAME,
    DEVICE_INFO_SERIAL_NUMBER,
    DEVICE_INFO_VERSION,
    DEVICE_INFO_TIMESTAMP_FREQUENCY,
};
enum {
    DEVICE_ACCESS_NONE = 1,
    DEVICE_ACCESS_READONLY = 2,
    DEVICE_ACCESS_CONTROL = 3,
    DEVICE_ACCESS_EXCLUSIVE = 4,
};
enum {
    DEVICE_ACCESS_STATUS_READWRITE = 1,
    DEVICE_ACCESS_STATUS_READONLY = 2,
    DEVICE_ACCESS_STATUS_NOACCESS = 3,
    DEVICE_ACCESS_STATUS_BUSY = 4,
    DEVICE_ACCESS_STATUS_OPEN_READWRITE = 5,
    DEVICE_ACCESS_STATUS_OPEN_READONLY = 6,
};

enum { ACQ_START_FLAGS_DEFAULT = 0 };
enum { ACQ_STOP_FLAGS_DEFAULT = 0, ACQ_STOP_FLAGS_KILL = 1 };
enum {
    ACQ_QUEUE_INPUT_TO_OUTPUT = 0,
    ACQ_QUEUE_OUTPUT_DISCARD,
    ACQ_QUEUE_ALL_TO_INPUT,
    ACQ_QUEUE_UNQUEUED_TO_INPUT,
    ACQ_QUEUE_ALL_DISCARD,
};

enum {
    STREAM_INFO_ID = 0,
    STREAM_INFO_NUM_DELIVERED,
    STREAM_INFO_NUM_UNDERRUN,
    STREAM_INFO_NUM_ANNOUNCED,
    STREAM_INFO_NUM_QUEUED,
    STREAM_INFO_NUM_AWAIT_DELIVERY,
    STREAM_INFO_NUM_STARTED,
    STREAM_INFO_PAYLOAD_SIZE,
    STREAM_INFO_IS_GRABBING,
    STREAM_INFO_DEFINES_PAYLOADSIZE,
    STREAM_INFO_TLTYPE,
    STREAM_INFO_NUM_CHUNKS_MAX,
    STREAM_INFO_BUF_ANNOUNCE_MIN,
    STREAM_INFO_BUF_ALIGNMENT,
};

enum {
    BUFFER_INFO_BASE = 0,
    BUFFER_INFO_SIZE,
    BUFFER_INFO_USER_PTR,
    BUFFER_INFO_TIMESTAMP,
    BUFFER_INFO_NEW_DATA,
    BUFFER_INFO_IS_QUEUED,
    BUFFER_INFO_IS_ACQUIRING,
    BUFFER_INFO_IS_INCOMPLETE,
    BUFFER_INFO_TLTYPE,
    BUFFER_INFO_SIZE_FILLED,
    BUFFER_INFO_WIDTH,
    BUFFER_INFO_HEIGHT,
    BUFFER_INFO_XOFFSET,
    BUFFER_INFO_YOFFSET,
    BUFFER_INFO_XPADDING,
    BUFFER_INFO_YPADDING,
    BUFFER_INFO_FRAMEID,
    BUFFER_INFO_IMAGEPRESENT,
    BUFFER_INFO_IMAGEOFFSET,
    BUFFER_INFO_PAYLOADTYPE,
    BUFFER_INFO_PIXELFORMAT,
    BUFFER_INFO_PIXELFORMAT_NAMESPACE,
    BUFFER_INFO_DELIVERED_IMAGEHEIGHT,
    BUFFER_INFO_DELIVERED_CHUNKPAYLOADSIZE,
    BUFFER_INFO_CHUNKLAYOUTID,
    BUFFER_INFO_FILENAME,
    BUFFER_INFO_PIXEL_ENDIANNESS,
    BUFFER_INFO_DATA_SIZE,
    BUFFER_INFO_TIMESTAMP_NS,
    BUFFER_INFO_DATA_LARGER_THAN_BUFFER,
    BUFFER_INFO_CONTAINS_CHUNKDATA,
};
enum { PAYLOAD_TYPE_IMAGE = 1 };
enum { PIXELFORMAT_NAMESPACE_PFNC_32BIT = 4 };
enum { PIXELENDIANNESS_LITTLE = 1 };

enum {
    PORT_INFO_ID = 0,
    PORT_INFO_VENDOR,
    PORT_INFO_MODEL,
    PORT_INFO_TLTYPE,
    PORT_INFO_MODULE,
    PORT_INFO_LITTLE_ENDIAN,
    PORT_INFO_BIG_ENDIAN,
    PORT_INFO_ACCESS_READ,
    PORT_INFO_ACCESS_WRITE,
    PORT_INFO_ACCESS_NA,
    PORT_INFO_ACCESS_NI,
    PORT_INFO_VERSION,
    PORT_INFO_PORTNAME,
};
enum {
    URL_INFO_URL = 0,
    URL_INFO_SCHEMA_VER_MAJOR,
    URL_INFO_SCHEMA_VER_MINOR,
    URL_INFO_FILE_VER_MAJOR,
    URL_INFO_FILE_VER_MINOR,
    URL_INFO_FILE_VER_SUBMINOR,
    URL_INFO_FILE_SHA1_HASH,
    URL_INFO_FILE_REGISTER_ADDRESS,
    URL_INFO_FILE_SIZE,
    URL_INFO_SCHEME,
    URL_INFO_FILENAME,
};
enum { URL_SCHEME_LOCAL = 0 };

enum {
    EVENT_ERROR = 0,
    EVENT_NEW_BUFFER = 1,
    EVENT_FEATURE_INVALIDATE = 2,
    EVENT_FEATURE_CHANGE = 3,
    EVENT_REMOTE_DEVICE = 4,
    EVENT_MODULE = 5,
};
enum { EVENT_EVENT_TYPE = 0, EVENT_NUM_IN_QUEUE, EVENT_NUM_FIRED, EVENT_SIZE_MAX, EVENT_INFO_DATA_SIZE_MAX };
enum { EVENT_DATA_ID = 0, EVENT_DATA_VALUE = 1, EVENT_DATA_NUMID = 2 };

#pragma pack(push, 1)
typedef struct {
    BUFFER_HANDLE BufferHandle;
    void *pUserPointer;
} EVENT_NEW_BUFFER_DATA;

typedef struct {
    uint64_t Address;
    void *pBuffer;
    size_t Size;
} PORT_REGISTER_STACK_ENTRY;

typedef struct {
    uint64_t ChunkID;
    ptrdiff_t ChunkOffset;
    size_t ChunkLength;
} SINGLE_CHUNK_DATA;

typedef struct { /* GenTL 1.6 */
    INFO_CMD iInfoCmd;
    INFO_DATATYPE iType;
    void *pBuffer;
    size_t iSize;
    GC_ERROR iResult;
} DS_BUFFER_INFO_STACKED;
#pragma pack(pop)

GC_API GCInitLib(void);
GC_API GCCloseLib(void);
GC_API GCGetInfo(INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size);
GC_API GCGetLastError(GC_ERROR *code, char *text, size_t *size);
GC_API GCReadPort(PORT_HANDLE port, uint64_t address, void *out, size_t *size);
GC_API GCWritePort(PORT_HANDLE port, uint64_t address, const void *data, size_t *size);
GC_API GCReadPortStacked(PORT_HANDLE port, PORT_REGISTER_STACK_ENTRY *entries, size_t *count);
GC_API GCWritePortStacked(PORT_HANDLE port, PORT_REGISTER_STACK_ENTRY *entries, size_t *count);
GC_API GCGetPortURL(PORT_HANDLE port, char *url, size_t *size);
GC_API GCGetNumPortURLs(PORT_HANDLE port, uint32_t *count);
GC_API GCGetPortURLInfo(PORT_HANDLE port, uint32_t index, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size);
GC_API GCGetPortInfo(PORT_HANDLE port, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size);
GC_API GCRegisterEvent(EVENTSRC_HANDLE source, EVENT_TYPE type, EVENT_HANDLE *event);
GC_API GCUnregisterEvent(EVENTSRC_HANDLE source, EVENT_TYPE type);

GC_API EventGetData(EVENT_HANDLE event, void *out, size_t *size, uint64_t timeout_ms);
GC_API EventGetDataInfo(EVENT_HANDLE event, const void *data, size_t data_size, INFO_CMD cmd, INFO_DATATYPE *type,
                        void *out, size_t *size);
GC_API EventGetInfo(EVENT_HANDLE event, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size);
GC_API EventFlush(EVENT_HANDLE event);
GC_API EventKill(EVENT_HANDLE event);

GC_API TLOpen(TL_HANDLE *tl);
GC_API TLClose(TL_HANDLE tl);
GC_API TLGetInfo(TL_HANDLE tl, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size);
GC_API TLGetNumInterfaces(TL_HANDLE tl, uint32_t *count);
GC_API TLGetInterfaceID(TL_HANDLE tl, uint32_t index, char *id, size_t *size);
GC_API TLGetInterfaceInfo(TL_HANDLE tl, const char *id, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size);
GC_API TLOpenInterface(TL_HANDLE tl, const char *id, IF_HANDLE *iface);
GC_API TLUpdateInterfaceList(TL_HANDLE tl, bool8_t *changed, uint64_t timeout_ms);

GC_API IFClose(IF_HANDLE iface);
GC_API IFGetInfo(IF_HANDLE iface, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size);
GC_API IFGetNumDevices(IF_HANDLE iface, uint32_t *count);
GC_API IFGetDeviceID(IF_HANDLE iface, uint32_t index, char *id, size_t *size);
GC_API IFUpdateDeviceList(IF_HANDLE iface, bool8_t *changed, uint64_t timeout_ms);
GC_API IFGetDeviceInfo(IF_HANDLE iface, const char *id, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size);
GC_API IFOpenDevice(IF_HANDLE iface, const char *id, DEVICE_ACCESS_FLAGS access, DEV_HANDLE *device);
GC_API IFGetParentTL(IF_HANDLE iface, TL_HANDLE *tl);

GC_API DevGetPort(DEV_HANDLE device, PORT_HANDLE *remote);
GC_API DevGetNumDataStreams(DEV_HANDLE device, uint32_t *count);
GC_API DevGetDataStreamID(DEV_HANDLE device, uint32_t index, char *id, size_t *size);
GC_API DevOpenDataStream(DEV_HANDLE device, const char *id, DS_HANDLE *stream);
GC_API DevGetInfo(DEV_HANDLE device, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size);
GC_API DevClose(DEV_HANDLE device);
GC_API DevGetParentIF(DEV_HANDLE device, IF_HANDLE *iface);

GC_API DSAnnounceBuffer(DS_HANDLE stream, void *base, size_t size, void *user, BUFFER_HANDLE *buffer);
GC_API DSAllocAndAnnounceBuffer(DS_HANDLE stream, size_t size, void *user, BUFFER_HANDLE *buffer);
GC_API DSFlushQueue(DS_HANDLE stream, ACQ_QUEUE_TYPE operation);
GC_API DSStartAcquisition(DS_HANDLE stream, ACQ_START_FLAGS flags, uint64_t frames);
GC_API DSStopAcquisition(DS_HANDLE stream, ACQ_STOP_FLAGS flags);
GC_API DSGetInfo(DS_HANDLE stream, INFO_CMD cmd, INFO_DATATYPE *type, void *out, size_t *size);
GC_API DSGetBufferID(DS_HANDLE stream, uint32_t index, BUFFER_HANDLE *buffer);
GC_API DSClose(DS_HANDLE stream);
GC_API DSRevokeBuffer(DS_HANDLE stream, BUFFER_HANDLE buffer, void **base, void **user);
GC_API DSQueueBuffer(DS_HANDLE stream, BUFFER_HANDLE buffer);
GC_API DSGetBufferInfo(DS_HANDLE stream, BUFFER_HANDLE buffer, INFO_CMD cmd, INFO_DATATYPE *type, void *out,
                       size_t *size);
GC_API DSGetBufferInfoStacked(DS_HANDLE stream, BUFFER_HANDLE buffer, DS_BUFFER_INFO_STACKED *infos, size_t count);
GC_API DSGetBufferChunkData(DS_HANDLE stream, BUFFER_HANDLE buffer, SINGLE_CHUNK_DATA *chunks, size_t *count);
GC_API DSGetParentDev(DS_HANDLE stream, DEV_HANDLE *device);
GC_API DSGetNumBufferParts(DS_HANDLE stream, BUFFER_HANDLE buffer, uint32_t *count);
GC_API DSGetBufferPartInfo(DS_HANDLE stream, BUFFER_HANDLE buffer, uint32_t part, INFO_CMD cmd, INFO_DATATYPE *type,
                           void *out, size_t *size);

#endif
