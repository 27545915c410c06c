// A thread for each element.

#include "tensor/ops/copy.h"

#include "cuda/elementwise.cuh"
#include "tensor/convert.h"

namespace chainline::cuda {
namespace {

template <class T>
__global__ void copy_kernel(std::int64_t n, Offsets<2> walk, const T* from, T* to) {
  for (std::int64_t i = first_element(); i < n; i += elements_at_once()) {
    std::int64_t at[2];
    walk.at(i, at);
    to[at[0]] = from[at[1]];
  }
}

template <class T>
__global__ void fill_kernel(std::int64_t n, Offsets<1> walk, T number, T* to) {
  for (std::int64_t i = first_element(); i < n; i += elements_at_once()) {
    std::int64_t at[1];
    walk.at(i, at);
    to[at[0]] = number;
  }
}

template <class T>
__global__ void arange_kernel(std::int64_t n, T* to) {
  for (std::int64_t i = first_element(); i < n; i += elements_at_once()) {
    to[i] = chainline::convert<T>(i);
  }
}

template <class To, class From>
struct Convert {
  __device__ To operator()(From x) const { return chainline::convert<To>(x); }
};

}  // namespace

void copy(const Tensor& source, Tensor& target) {
  const Walk<2> walk(target.shape(), {target.strides(), source.strides()});
  visit_any(target.dtype(), [&]<class T>(Type<T>) {
    launch_elements(target.numel(), &copy_kernel<T>, target.numel(), Offsets<2>(walk),
                    source.device_data<T>(), target.mutable_device_data<T>());
  });
}

void convert(const Tensor& source, Tensor& target) {
  visit_any(source.dtype(), [&]<class From>(Type<From>) {
    visit_any(target.dtype(), [&]<class To>(Type<To>) {
      compute<To, From>(target, Convert<To, Arithmetic<From>>(), source);
    });
  });
}

void fill(double value, Tensor& target) {
  const Walk<1> walk(target.shape(), {target.strides()});
  visit_any(target.dtype(), [&]<class T>(Type<T>) {
    launch_elements(target.numel(), &fill_kernel<T>, target.numel(), Offsets<1>(walk),
                    chainline::convert<T>(value), target.mutable_device_data<T>());
  });
}

void arange(Tensor& target) {
  visit_any(target.dtype(), [&]<class T>(Type<T>) {
    launch_elements(target.numel(), &arange_kernel<T>, target.numel(),
                    target.mutable_device_data<T>());
  });
}

}  // namespace chainline::cuda
