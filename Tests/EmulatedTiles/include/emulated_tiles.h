#ifndef EMULATED_TILES_H
#define EMULATED_TILES_H

/// CProcessor's tiles.c on instructions that are emulated, for machines without AMX.

#include <stdbool.h>
#include <stddef.h>

/// As `add_tile_products`.
bool emulated_add_tile_products(
    const float *_Nullable initial, float *_Nonnull result, const void *_Nonnull a, ptrdiff_t a_stride,
    const void *_Nonnull b, ptrdiff_t b_stride, int groups, int rows, bool is_wide);

/// As `release_tiles`.
void emulated_release_tiles(void);

/// Lets the next `count` calls lose the tiles in their middle, as if the thread had been descheduled.
void lose_tiles(int count);

/// Uses of tiles so far for which a processor raises an exception.
int tile_exceptions(void);

#endif
