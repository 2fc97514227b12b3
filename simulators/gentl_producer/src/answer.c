/* Answers: the last error of each thread, and values in GenTL's size-then-value manner.
 *
 * In: codes, texts and values. Out: what the consumer reads. Not here: modules and handles (see handle.c).
 */
#include "answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local GC_ERROR last_code;
static _Thread_local char last_text[ANSWER_TEXT_BYTES];

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
