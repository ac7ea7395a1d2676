#ifndef ALLOCATION_COUNTER_H
#define ALLOCATION_COUNTER_H

/// Counts heap allocations by standing in for malloc and its kin.

/// Allocations of the calling thread so far.
long allocation_count(void);

#endif
