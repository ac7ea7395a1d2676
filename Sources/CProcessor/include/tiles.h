#ifndef RESNET_DIST_TILES_H
#define RESNET_DIST_TILES_H

/// Products of bfloat16 by the tiles of Intel's AMX (TDPBF16PS). A tile has 16 rows of 64 bytes; two by two of them
/// sum up a block of 32 rows and 32 columns.

#include <stdbool.h>
#include <stddef.h>

/// Floats from row to row of a block of sums.
enum { tile_sums_stride = 32 };

/// Whether the processor has tiles of bfloat16 and lets this process use them. Asks the system for them, which
/// holds for all threads.
bool may_use_tiles(void);

/// result = initial + A·B of whole groups of 16 pairs, each by one TDPBF16PS. The tiles stay this thread's until
/// `release_tiles`.
///
/// \param initial [rows][32]; NULL: zeros. Other memory than `result`.
/// \param a [rows][16 · groups] pairs of bfloat16, rows `a_stride` bytes apart.
/// \param b [16 · groups][32 or 16] pairs, rows `b_stride` bytes apart.
/// \param rows 1 to 32.
/// \param is_wide 32 columns instead of 16.
/// \returns whether the result is to be trusted; otherwise the caller computes it in another way.
bool add_tile_products(
    const float *_Nullable initial, float *_Nonnull result, const void *_Nonnull a, ptrdiff_t a_stride,
    const void *_Nonnull b, ptrdiff_t b_stride, int groups, int rows, bool is_wide);

/// Gives this thread's tiles back.
void release_tiles(void);

/// This thread's memory for blocks of sums and completed groups, of whole cache lines.
float *_Nonnull tile_scratch(void);

/// Floats of `tile_scratch`: two blocks of sums, and a group of A and of B.
enum { tile_scratch_floats = 2 * 32 * 32 + 32 * 16 + 16 * 32 };

#endif
