#include "tiles.h"

float *tile_scratch(void) {
  static _Thread_local float scratch[tile_scratch_floats] __attribute__((aligned(64)));
  return scratch;
}

#if defined(__x86_64__) && defined(__linux__)

#include <cpuid.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <x86intrin.h>

/// Whether the system saves tiles with a thread's state: bits 17 and 18 of XCR0.
static bool system_saves_tiles(void) {
  unsigned eax, ebx, ecx, edx;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & 1u << 27)) return false;
  __asm__ volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
  return (eax >> 17 & 3) == 3;
}

bool may_use_tiles(void) {
  unsigned eax, ebx, ecx, edx;
  // AMX-BF16 and AMX-TILE.
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || (edx & (1u << 22 | 1u << 24)) != (1u << 22 | 1u << 24)) {
    return false;
  }
  const long request_permission = 0x1023, tile_data = 18;
  return system_saves_tiles() && syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}

// The tiles: sums, A of the upper and lower 16 rows, B of the left and right 16 columns.
enum { upper_left, upper_right, lower_left, lower_right, a_upper, a_lower, b_left, b_right };

/// Rows that this thread's tiles are configured for; 0: they are not.
static _Thread_local int configured_rows;

/// Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, section 18.3: palette 1.
struct tile_configuration {
  uint8_t palette, start_row, reserved[14];
  uint16_t bytes_of_row[16];
  uint8_t rows[16];
};

__attribute__((target("amx-tile"))) static void configure_tiles(int rows) {
  if (rows == configured_rows) return;
  struct tile_configuration configuration __attribute__((aligned(64))) = {.palette = 1};
  const uint8_t upper = rows < 16 ? rows : 16, lower = rows - upper;
  const uint8_t rows_of_tile[8] = {upper, upper, lower, lower, upper, lower, 16, 16};
  for (int tile = 0; tile < 8; tile++) {
    configuration.rows[tile] = rows_of_tile[tile];
    configuration.bytes_of_row[tile] = rows_of_tile[tile] ? 64 : 0;
  }
  _tile_loadconfig(&configuration);
  configured_rows = rows;
}

__attribute__((target("amx-tile"))) void release_tiles(void) {
  if (configured_rows) _tile_release();
  configured_rows = 0;
}

/// One group: the halves that there are.
__attribute__((target("amx-tile,amx-bf16"), always_inline)) static inline void add_group(
    const char *a, ptrdiff_t a_stride, const char *b, ptrdiff_t b_stride, bool has_lower, bool is_wide) {
  _tile_loadd(b_left, b, b_stride);
  _tile_loadd(a_upper, a, a_stride);
  _tile_dpbf16ps(upper_left, a_upper, b_left);
  if (is_wide) {
    _tile_loadd(b_right, b + 64, b_stride);
    _tile_dpbf16ps(upper_right, a_upper, b_right);
  }
  if (has_lower) {
    _tile_loadd(a_lower, a + 16 * a_stride, a_stride);
    _tile_dpbf16ps(lower_left, a_lower, b_left);
    if (is_wide) _tile_dpbf16ps(lower_right, a_lower, b_right);
  }
}

__attribute__((target("amx-tile,amx-bf16"), always_inline)) static inline void add_groups(
    const float *initial, float *result, const char *a, ptrdiff_t a_stride, const char *b, ptrdiff_t b_stride,
    int groups, bool has_lower, bool is_wide) {
  const ptrdiff_t stride = tile_sums_stride * sizeof(float);
  const ptrdiff_t lower = 16 * tile_sums_stride;
  if (initial) {
    _tile_loadd(upper_left, initial, stride);
    if (is_wide) _tile_loadd(upper_right, initial + 16, stride);
    if (has_lower) _tile_loadd(lower_left, initial + lower, stride);
    if (has_lower && is_wide) _tile_loadd(lower_right, initial + lower + 16, stride);
  } else {
    _tile_zero(upper_left);
    if (is_wide) _tile_zero(upper_right);
    if (has_lower) _tile_zero(lower_left);
    if (has_lower && is_wide) _tile_zero(lower_right);
  }
  for (int group = 0; group < groups; group++) {
    add_group(a + 64 * group, a_stride, b + 16 * b_stride * group, b_stride, has_lower, is_wide);
  }
  _tile_stored(upper_left, result, stride);
  if (is_wide) _tile_stored(upper_right, result + 16, stride);
  if (has_lower) _tile_stored(lower_left, result + lower, stride);
  if (has_lower && is_wide) _tile_stored(lower_right, result + lower + 16, stride);
}

// Some virtual machines lose a thread's tiles when it is descheduled, so that a sum comes back too small. A switch
// to another thread and back takes longer than this; up to sixteen groups whose operands are in the caches take a
// third of it. Other memory than `initial` is written, so that they can be computed once more.
static const unsigned long long longest_undisturbed_cycles = 12000;
static const int most_attempts = 4;

__attribute__((target("amx-tile,amx-bf16"))) bool add_tile_products(
    const float *initial, float *result, const void *a, ptrdiff_t a_stride, const void *b, ptrdiff_t b_stride,
    int groups, int rows, bool is_wide) {
  for (int attempt = 0; attempt < most_attempts; attempt++) {
    const unsigned long long start = __rdtsc();
    configure_tiles(rows);
    if (rows > 16) {
      if (is_wide) {
        add_groups(initial, result, a, a_stride, b, b_stride, groups, true, true);
      } else {
        add_groups(initial, result, a, a_stride, b, b_stride, groups, true, false);
      }
    } else {
      add_groups(initial, result, a, a_stride, b, b_stride, groups, false, is_wide);
    }
    unsigned processor;
    if (__rdtscp(&processor) - start < longest_undisturbed_cycles) return true;
    // Perhaps the configuration is lost, too.
    release_tiles();
  }
  return false;
}

#else

bool may_use_tiles(void) { return false; }

bool add_tile_products(
    const float *initial, float *result, const void *a, ptrdiff_t a_stride, const void *b, ptrdiff_t b_stride,
    int groups, int rows, bool is_wide) {
  (void)initial, (void)result, (void)a, (void)a_stride, (void)b, (void)b_stride, (void)groups, (void)rows;
  (void)is_wide;
  return false;
}

void release_tiles(void) {}

#endif
