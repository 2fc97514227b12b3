/* Functions of GenTL 1.6 that this 1.5 producer does not have: some consumers expect the names to exist.
 *
 * In: anything. Out: GC_ERR_NOT_IMPLEMENTED. Composite buffers, flows and segments belong to GenDC, which these cameras
 * do not send.
 */
#include "producer.h"

#define NOT_HERE                                                                           \
    {                                                                                      \
        return fail(GC_ERR_NOT_IMPLEMENTED, "%s is of GenTL 1.6, this is 1.5", __func__); \
    }

GC_API DSAnnounceCompositeBuffer(void);
GC_API DSGetNumFlows(void);
GC_API DSGetFlowInfo(void);
GC_API DSGetNumBufferSegments(void);
GC_API DSGetBufferSegmentInfo(void);
GC_API DSGetBufferPartInfoStacked(void);

/* Called with arguments that they ignore: in C's calling convention the caller cleans up. */
GC_API DSAnnounceCompositeBuffer(void) NOT_HERE
GC_API DSGetNumFlows(void) NOT_HERE
GC_API DSGetFlowInfo(void) NOT_HERE
GC_API DSGetNumBufferSegments(void) NOT_HERE
GC_API DSGetBufferSegmentInfo(void) NOT_HERE
GC_API DSGetBufferPartInfoStacked(void) NOT_HERE
