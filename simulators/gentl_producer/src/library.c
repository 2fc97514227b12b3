/* The library itself: its opening and closing, and the names that GenTL 1.6 consumers expect to exist.
 *
 * In: calls about no module. Out: the same answers as the system's, or errors. Not here: handles (see handle.c).
 */
#include "producer.h"

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
