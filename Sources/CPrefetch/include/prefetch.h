#ifndef RESNET_DIST_PREFETCH_H
#define RESNET_DIST_PREFETCH_H

/// Asks for the cache line at `address`, to be written soon. Swift has no such operation.
static inline void prefetch_for_writing(const void *address) {
  __builtin_prefetch(address, 1, 2);
}

#endif
