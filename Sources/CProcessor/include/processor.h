#ifndef RESNET_DIST_PROCESSOR_H
#define RESNET_DIST_PROCESSOR_H

/// What Swift has no operation for. All but `stop_because` is inline, so it is compiled with the instruction
/// set of the module that calls it.

#include <stdbool.h>
#include <stddef.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#if defined(__aarch64__)
#include <arm_neon.h>
#endif
#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

/// Ends the process with a message: a check whose failure calls it survives -Ounchecked, where the compiler
/// assumes that Swift's own checks hold.
_Noreturn void stop_because(const char *_Nonnull message, const char *_Nonnull file, int line);

/// Asks for the cache line at `address`, to be written soon.
static inline void prefetch_for_writing(const void *_Nonnull address) {
  __builtin_prefetch(address, 1, 2);
}

/// Asks for the cache line at `address`, to be read soon.
static inline void prefetch_for_reading(const void *_Nonnull address) { __builtin_prefetch(address, 0, 2); }

/// Copies a cache line to memory past the caches; both addresses are a line's. `finish_streaming` must follow
/// before another core may read it.
static inline void stream_line(const void *_Nonnull source, void *_Nonnull target) {
  typedef float line __attribute__((vector_size(64)));
  __builtin_nontemporal_store(*(const line *)source, (line *)target);
}

/// The same of half a line.
static inline void stream_half_line(const void *_Nonnull source, void *_Nonnull target) {
  typedef float half __attribute__((vector_size(32)));
  __builtin_nontemporal_store(*(const half *)source, (half *)target);
}

/// Orders what `stream_line` wrote before what is written next.
static inline void finish_streaming(void) {
#if defined(__x86_64__)
  __asm__ volatile("sfence" ::: "memory");
#endif
}

/// Tells the processor that this is a loop that waits.
static inline void pause_briefly(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/// `pointer`, of which the compiler then knows nothing: it keeps a register for it instead of
/// deriving it from another pointer in a chain of additions.
static inline const void *_Nonnull independent_pointer(const void *_Nonnull pointer) {
  __asm__("" : "+r"(pointer));
  return pointer;
}

/// Whether the calling module was compiled for registers of 16 floats, 32 of them (AVX-512).
static inline bool has_wide_registers(void) {
#ifdef __AVX512F__
  return true;
#else
  return false;
#endif
}

/// The instruction set that the calling module was compiled for, such as "AVX-512".
static inline const char *_Nonnull compiled_instruction_set(void) {
#if defined(__AVX512F__)
  return "AVX-512";
#elif defined(__AVX2__)
  return "AVX2";
#elif defined(__x86_64__)
  return "SSE2";
#elif defined(__aarch64__)
  return "NEON";
#else
  return "generic";
#endif
}

/// The instructions by which the calling module multiplies bfloat16; NULL: it has none.
static inline const char *_Nullable bfloat16_instructions(void) {
#if defined(__AVX512BF16__)
  return "VDPBF16PS";
#elif defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
  return "BFMLALT and BFMLALB";
#else
  return NULL;
#endif
}

/// Those that this processor has, whatever the calling module was compiled for.
static inline const char *_Nullable bfloat16_instructions_of_processor(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512bf16") ? "VDPBF16PS" : NULL;
#elif defined(__aarch64__) && defined(__linux__)
  return getauxval(AT_HWCAP2) & HWCAP2_BF16 ? "BFMLALT and BFMLALB" : NULL;
#else
  return NULL;
#endif
}

/// Whether `add_pair_products` needs `flush_subnormals`.
static inline bool pair_products_need_flush(void) {
#ifdef __AVX512BF16__
  return false;
#else
  return true;
#endif
}

/// An extension that the calling module was compiled for and this processor lacks; NULL if it has
/// them all.
static inline const char *_Nullable missing_extension(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
#define RESNET_DIST_NEEDS(name) \
  if (!__builtin_cpu_supports(name)) return name
#ifdef __AVX__
  RESNET_DIST_NEEDS("avx");
#endif
#ifdef __AVX2__
  RESNET_DIST_NEEDS("avx2");
#endif
#ifdef __FMA__
  RESNET_DIST_NEEDS("fma");
#endif
#ifdef __BMI2__
  RESNET_DIST_NEEDS("bmi2");
#endif
#ifdef __AVX512F__
  RESNET_DIST_NEEDS("avx512f");
#endif
#ifdef __AVX512BW__
  RESNET_DIST_NEEDS("avx512bw");
#endif
#ifdef __AVX512DQ__
  RESNET_DIST_NEEDS("avx512dq");
#endif
#ifdef __AVX512VL__
  RESNET_DIST_NEEDS("avx512vl");
#endif
#ifdef __AVX512VBMI__
  RESNET_DIST_NEEDS("avx512vbmi");
#endif
#ifdef __AVX512VBMI2__
  RESNET_DIST_NEEDS("avx512vbmi2");
#endif
#ifdef __AVX512BF16__
  RESNET_DIST_NEEDS("avx512bf16");
#endif
#ifdef __AVX512CD__
  RESNET_DIST_NEEDS("avx512cd");
#endif
#ifdef __AVX512IFMA__
  RESNET_DIST_NEEDS("avx512ifma");
#endif
#ifdef __AVX512VNNI__
  RESNET_DIST_NEEDS("avx512vnni");
#endif
#ifdef __AVX512BITALG__
  RESNET_DIST_NEEDS("avx512bitalg");
#endif
#ifdef __AVX512VPOPCNTDQ__
  RESNET_DIST_NEEDS("avx512vpopcntdq");
#endif
#ifdef __AVX512FP16__
  RESNET_DIST_NEEDS("avx512fp16");
#endif
#undef RESNET_DIST_NEEDS
#elif defined(__aarch64__) && defined(__linux__)
#define RESNET_DIST_NEEDS(word, bit, name) \
  if (!(getauxval(word) & (bit))) return name
#ifdef __ARM_FEATURE_ATOMICS
  RESNET_DIST_NEEDS(AT_HWCAP, HWCAP_ATOMICS, "lse");
#endif
#ifdef __ARM_FEATURE_CRC32
  RESNET_DIST_NEEDS(AT_HWCAP, HWCAP_CRC32, "crc");
#endif
#ifdef __ARM_FEATURE_RCPC
  RESNET_DIST_NEEDS(AT_HWCAP, HWCAP_LRCPC, "rcpc");
#endif
#ifdef __ARM_FEATURE_COMPLEX
  RESNET_DIST_NEEDS(AT_HWCAP, HWCAP_FCMA, "fcma");
#endif
#ifdef __ARM_FEATURE_FP16_VECTOR_ARITHMETIC
  RESNET_DIST_NEEDS(AT_HWCAP, HWCAP_ASIMDHP, "fp16");
#endif
#ifdef __ARM_FEATURE_DOTPROD
  RESNET_DIST_NEEDS(AT_HWCAP, HWCAP_ASIMDDP, "dotprod");
#endif
#ifdef __ARM_FEATURE_SVE
  RESNET_DIST_NEEDS(AT_HWCAP, HWCAP_SVE, "sve");
#endif
#ifdef __ARM_FEATURE_SVE2
  RESNET_DIST_NEEDS(AT_HWCAP2, HWCAP2_SVE2, "sve2");
#endif
#ifdef __ARM_FEATURE_BF16_VECTOR_ARITHMETIC
  RESNET_DIST_NEEDS(AT_HWCAP2, HWCAP2_BF16, "bf16");
#endif
#ifdef __ARM_FEATURE_MATMUL_INT8
  RESNET_DIST_NEEDS(AT_HWCAP2, HWCAP2_I8MM, "i8mm");
#endif
#undef RESNET_DIST_NEEDS
#endif
  return NULL;
}

// Vectors of sixteen elements. Swift imports them as SIMD16.

typedef float sixteen_floats __attribute__((vector_size(64)));
typedef unsigned int sixteen_words __attribute__((vector_size(64)));
typedef unsigned short sixteen_halves __attribute__((vector_size(32)));
typedef unsigned char sixteen_bytes __attribute__((vector_size(16)));

/// The values whose byte is `byte`; zeros for the others.
static inline __attribute__((always_inline)) sixteen_floats values_where(
    sixteen_floats values, sixteen_bytes bytes, unsigned char byte) {
  sixteen_words is_equal = (sixteen_words)(__builtin_convertvector(bytes, sixteen_words) == byte);
  return (sixteen_floats)((sixteen_words)values & is_equal);
}

/// The lowest byte of each word.
static inline __attribute__((always_inline)) sixteen_bytes lowest_bytes(sixteen_words words) {
  return __builtin_convertvector(words, sixteen_bytes);
}

/// Transposes a matrix of sixteen by sixteen floats in place.
static inline __attribute__((always_inline)) void transpose_sixteen(float *_Nonnull matrix) {
  typedef float unaligned_floats __attribute__((vector_size(64), aligned(4)));
  sixteen_floats rows[16];
#pragma clang loop unroll(full)
  for (int row = 0; row < 16; row++) rows[row] = ((const unaligned_floats *)matrix)[row];
  // Four times, rows that are eight apart are zipped, each pair into two neighbouring rows.
#pragma clang loop unroll(full)
  for (int round = 0; round < 4; round++) {
    sixteen_floats zipped[16];
#pragma clang loop unroll(full)
    for (int row = 0; row < 8; row++) {
      zipped[2 * row] = __builtin_shufflevector(
          rows[row], rows[row + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      zipped[2 * row + 1] = __builtin_shufflevector(
          rows[row], rows[row + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
#pragma clang loop unroll(full)
    for (int row = 0; row < 16; row++) rows[row] = zipped[row];
  }
#pragma clang loop unroll(full)
  for (int row = 0; row < 16; row++) ((unaligned_floats *)matrix)[row] = rows[row];
}

// bfloat16: products of pairs as VDPBF16PS computes them, and the rounding of VCVTNEPS2BF16. Where the
// processor has no such instructions, the same bits come from others.

/// sum + a[1]·b[1], rounded, + a[0]·b[0], rounded, for sixteen pairs of bfloat16, the first of a pair in a
/// word's lower half. Subnormal operands and results are zeros; where `pair_products_need_flush` only between
/// `flush_subnormals` and `restore_subnormals`.
static inline __attribute__((always_inline)) sixteen_floats add_pair_products(
    sixteen_floats sum, sixteen_words a, sixteen_words b) {
#ifdef __AVX512BF16__
  return (sixteen_floats)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
#elif defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
  union {
    sixteen_floats all;
    float32x4_t parts[4];
  } sums = {sum};
  union {
    sixteen_words all;
    bfloat16x8_t parts[4];
  } left = {a}, right = {b};
#pragma clang loop unroll(full)
  for (int part = 0; part < 4; part++) {
    float32x4_t odd = vbfmlaltq_f32(sums.parts[part], left.parts[part], right.parts[part]);
    sums.parts[part] = vbfmlalbq_f32(odd, left.parts[part], right.parts[part]);
  }
  return sums.all;
#else
  sixteen_floats odd = __builtin_elementwise_fma(
      (sixteen_floats)(a & 0xffff0000u), (sixteen_floats)(b & 0xffff0000u), sum);
  return __builtin_elementwise_fma((sixteen_floats)(a << 16), (sixteen_floats)(b << 16), odd);
#endif
}

/// Sixteen bfloat16 as floats.
static inline __attribute__((always_inline)) sixteen_floats widen_bfloat16(sixteen_halves values) {
  return (sixteen_floats)(__builtin_convertvector(values, sixteen_words) << 16);
}

/// The words whose lower halves are `low` and whose upper halves are `high`.
static inline __attribute__((always_inline)) sixteen_words pair_halves(
    sixteen_halves low, sixteen_halves high) {
  return __builtin_convertvector(low, sixteen_words) | __builtin_convertvector(high, sixteen_words) << 16;
}

/// Sixteen floats as bfloat16: to nearest, ties to even; subnormal numbers become zeros of their sign, and
/// NaN stays NaN.
static inline __attribute__((always_inline)) sixteen_halves round_to_bfloat16(sixteen_floats values) {
#ifdef __AVX512BF16__
  return (sixteen_halves)_mm512_cvtneps_pbh((__m512)values);
#else
  sixteen_words bits = (sixteen_words)values;
  sixteen_words magnitude = bits & 0x7fffffffu;
  sixteen_words nearest = bits + 0x7fffu + (bits >> 16 & 1u);
  sixteen_words is_nan = (sixteen_words)(magnitude > 0x7f800000u);
  sixteen_words is_tiny = (sixteen_words)(magnitude < 0x00800000u);
  nearest = (is_nan & (bits | 0x400000u)) | (~is_nan & nearest);
  nearest = (is_tiny & bits & 0x80000000u) | (~is_tiny & nearest);
  return __builtin_convertvector(nearest >> 16, sixteen_halves);
#endif
}

/// Makes this thread's arithmetic take and give zeros for subnormal numbers.
///
/// \returns what `restore_subnormals` takes.
static inline unsigned long flush_subnormals(void) {
#if defined(__x86_64__)
  unsigned int saved = _mm_getcsr();
  _mm_setcsr(saved | 0x8040u);
  return saved;
#elif defined(__aarch64__)
  unsigned long saved;
  __asm__ volatile("mrs %0, fpcr" : "=r"(saved)::"memory");
  __asm__ volatile("msr fpcr, %0" ::"r"(saved | 1ul << 24) : "memory");
  return saved;
#else
  return 0;
#endif
}

/// Ends what `flush_subnormals` began.
static inline void restore_subnormals(unsigned long saved) {
#if defined(__x86_64__)
  _mm_setcsr((unsigned int)saved);
#elif defined(__aarch64__)
  __asm__ volatile("msr fpcr, %0" ::"r"(saved) : "memory");
#else
  (void)saved;
#endif
}

#endif
