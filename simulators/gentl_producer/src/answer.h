/* How the producer answers a consumer: error codes with their text, and values in GenTL's size-then-value manner. */
#ifndef RIGSIM_ANSWER_H
#define RIGSIM_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gentl.h"

#define ANSWER_TEXT_BYTES 240u

GC_ERROR fail(GC_ERROR code, const char *format, ...) __attribute__((format(printf, 2, 3)));
GC_ERROR fail_quietly(GC_ERROR code);
GC_ERROR give(INFO_DATATYPE is, const void *value, size_t value_size, INFO_DATATYPE *type, void *out, size_t *size);
GC_ERROR give_text(const char *value, INFO_DATATYPE *type, void *out, size_t *size);
GC_ERROR give_size(size_t value, INFO_DATATYPE *type, void *out, size_t *size);
GC_ERROR give_u64(uint64_t value, INFO_DATATYPE *type, void *out, size_t *size);
GC_ERROR give_i32(int32_t value, INFO_DATATYPE *type, void *out, size_t *size);
GC_ERROR give_bool(bool value, INFO_DATATYPE *type, void *out, size_t *size);

#endif
