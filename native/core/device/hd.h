// Marks functions that a device and the host share: the same source, so that host tests cover what kernels run.
#pragma once

#if defined(__CUDACC__)
#define NEARVOTE_HD __host__ __device__ inline
#else
#define NEARVOTE_HD inline
#endif
