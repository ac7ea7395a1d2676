#include "emulated_tiles.h"

#if defined(__x86_64__)

#include <math.h>
#include <stdint.h>
#include <string.h>
#include <x86intrin.h>

// Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, section 18, and volume 2.

static struct {
  bool is_configured;
  uint8_t rows[8];
  uint16_t bytes_of_row[8];
  uint32_t words[8][16][16];
} state;
static int exceptions;
static int losses;
static unsigned long long clock_cycles;

int tile_exceptions(void) { return exceptions; }

void lose_tiles(int count) { losses = count; }

static void expect(bool condition) {
  if (!condition) exceptions++;
}

static void load_configuration(const void *memory) {
  const uint8_t *bytes = memory;
  expect(bytes[0] == 1 && bytes[1] == 0);
  for (int index = 2; index < 16; index++) expect(bytes[index] == 0);
  for (int tile = 0; tile < 16; tile++) {
    uint16_t row_bytes;
    memcpy(&row_bytes, bytes + 16 + 2 * tile, 2);
    const uint8_t rows = bytes[48 + tile];
    expect(rows <= 16 && row_bytes <= 64 && (rows == 0) == (row_bytes == 0));
    if (tile >= 8) {
      expect(rows == 0);
    } else {
      state.rows[tile] = rows;
      state.bytes_of_row[tile] = row_bytes;
    }
  }
  memset(state.words, 0, sizeof state.words);
  state.is_configured = true;
}

static void release(void) { memset(&state, 0, sizeof state); }

static bool uses(int tile) {
  const bool is_usable = state.is_configured && state.rows[tile] > 0;
  expect(is_usable);
  return is_usable;
}

static void load(int tile, const void *base, ptrdiff_t stride) {
  if (!uses(tile)) return;
  memset(state.words[tile], 0, sizeof state.words[tile]);
  for (int row = 0; row < state.rows[tile]; row++) {
    memcpy(state.words[tile][row], (const char *)base + row * stride, state.bytes_of_row[tile]);
  }
}

static void store(int tile, void *base, ptrdiff_t stride) {
  if (!uses(tile)) return;
  for (int row = 0; row < state.rows[tile]; row++) {
    memcpy((char *)base + row * stride, state.words[tile][row], state.bytes_of_row[tile]);
  }
}

static void zero(int tile) {
  if (uses(tile)) memset(state.words[tile], 0, sizeof state.words[tile]);
}

static float number(uint32_t bits) {
  float value;
  memcpy(&value, &bits, 4);
  return fpclassify(value) == FP_SUBNORMAL ? copysignf(0, value) : value;
}

static float flushed(float value) { return fpclassify(value) == FP_SUBNORMAL ? copysignf(0, value) : value; }

static void multiply(int sums, int a, int b) {
  if (!uses(sums) || !uses(a) || !uses(b)) return;
  expect(sums != a && sums != b && a != b);
  expect(state.rows[sums] == state.rows[a] && state.bytes_of_row[sums] == state.bytes_of_row[b]);
  expect(state.bytes_of_row[a] == 4 * state.rows[b]);
  for (int row = 0; row < state.rows[sums]; row++) {
    for (int column = 0; column < state.bytes_of_row[sums] / 4; column++) {
      float even = 0, odd = 0;
      for (int step = 0; step < state.rows[b]; step++) {
        const uint32_t left = state.words[a][row][step], right = state.words[b][step][column];
        even = flushed(fmaf(number(left << 16), number(right << 16), even));
        odd = flushed(fmaf(number(left & 0xffff0000u), number(right & 0xffff0000u), odd));
      }
      const float sum = flushed(number(state.words[sums][row][column]) + flushed(even + odd));
      memcpy(&state.words[sums][row][column], &sum, 4);
    }
  }
  if (losses > 0 && sums == 0) {
    losses--;
    clock_cycles += 20000;
    memset(state.words, 0, sizeof state.words);
  }
}

static unsigned long long read_clock(void) { return clock_cycles += 100; }

#undef _tile_loadd
#undef _tile_stored
#undef _tile_zero
#undef _tile_dpbf16ps
#define _tile_loadconfig load_configuration
#define _tile_release release
#define _tile_loadd load
#define _tile_stored store
#define _tile_zero zero
#define _tile_dpbf16ps multiply
#undef __rdtsc
#define __rdtsc read_clock
#define __rdtscp(processor) ((void)(processor), read_clock())

#define tile_scratch emulated_tile_scratch
#define may_use_tiles emulated_may_use_tiles
#define add_tile_products emulated_add_tile_products
#define release_tiles emulated_release_tiles
#include "../../Sources/CProcessor/tiles.c"

#endif
