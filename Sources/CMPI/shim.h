// MPI's macros that Swift cannot import (casts, addresses of globals), as functions.
#pragma once

#include <mpi.h>

static inline MPI_Comm shim_comm_world(void) { return MPI_COMM_WORLD; }
static inline MPI_Comm shim_comm_self(void) { return MPI_COMM_SELF; }
static inline MPI_Comm shim_comm_null(void) { return MPI_COMM_NULL; }
static inline MPI_Win shim_win_null(void) { return MPI_WIN_NULL; }
static inline MPI_Info shim_info_null(void) { return MPI_INFO_NULL; }
static inline MPI_Request shim_request_null(void) { return MPI_REQUEST_NULL; }
static inline MPI_Errhandler shim_errors_return(void) { return MPI_ERRORS_RETURN; }
static inline int shim_comm_type_shared(void) { return MPI_COMM_TYPE_SHARED; }

static inline void *shim_in_place(void) { return MPI_IN_PLACE; }

static inline int shim_thread_single(void) { return MPI_THREAD_SINGLE; }
static inline int shim_thread_funneled(void) { return MPI_THREAD_FUNNELED; }
static inline int shim_thread_serialized(void) { return MPI_THREAD_SERIALIZED; }
static inline int shim_thread_multiple(void) { return MPI_THREAD_MULTIPLE; }

static inline MPI_Datatype shim_float(void) { return MPI_FLOAT; }
static inline MPI_Datatype shim_double(void) { return MPI_DOUBLE; }
static inline MPI_Datatype shim_int8(void) { return MPI_INT8_T; }
static inline MPI_Datatype shim_uint8(void) { return MPI_UINT8_T; }
static inline MPI_Datatype shim_int32(void) { return MPI_INT32_T; }
static inline MPI_Datatype shim_uint32(void) { return MPI_UINT32_T; }
static inline MPI_Datatype shim_int64(void) { return MPI_INT64_T; }
static inline MPI_Datatype shim_uint64(void) { return MPI_UINT64_T; }
static inline MPI_Datatype shim_double_int(void) { return MPI_DOUBLE_INT; }

static inline MPI_Op shim_sum(void) { return MPI_SUM; }
static inline MPI_Op shim_product(void) { return MPI_PROD; }
static inline MPI_Op shim_min(void) { return MPI_MIN; }
static inline MPI_Op shim_max(void) { return MPI_MAX; }
static inline MPI_Op shim_logical_and(void) { return MPI_LAND; }
static inline MPI_Op shim_logical_or(void) { return MPI_LOR; }
static inline MPI_Op shim_bitwise_and(void) { return MPI_BAND; }
static inline MPI_Op shim_bitwise_or(void) { return MPI_BOR; }
static inline MPI_Op shim_bitwise_xor(void) { return MPI_BXOR; }
static inline MPI_Op shim_min_location(void) { return MPI_MINLOC; }
static inline MPI_Op shim_max_location(void) { return MPI_MAXLOC; }
