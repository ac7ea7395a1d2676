#ifndef RESNET_DIST_PROCESSOR_H
#define RESNET_DIST_PROCESSOR_H

/// What Swift has no operation for. All but `stop_because` is inline, so it is compiled with the instruction
/// set of the module that calls it.

#include <stdbool.h>
#include <stddef.h>
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
static inline void stream_line(const float *_Nonnull source, float *_Nonnull target) {
  typedef float line __attribute__((vector_size(64)));
  __builtin_nontemporal_store(*(const line *)source, (line *)target);
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
static inline const float *_Nonnull independent_pointer(const float *_Nonnull pointer) {
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

#endif
