#pragma once

#include <cstddef>
#include <initializer_list>
#include <vector>

#include "cuda/runtime.h"

namespace chainline::test {

struct Unwritten {
  explicit Unwritten(std::size_t n) : size(n) {}
  std::size_t size;
};

struct Zeros {
  explicit Zeros(std::size_t n) : size(n) {}
  std::size_t size;
};

/// Numbers in device memory, for tests of kernels.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(Unwritten{values.size()}) {
    cuda::device_memcpy(data_, values.data(), size_ * sizeof(T), cuda::Copy::to_device, nullptr);
  }
  DeviceArray(std::initializer_list<T> values) : DeviceArray(std::vector<T>(values)) {}
  explicit DeviceArray(Zeros array) : DeviceArray(std::vector<T>(array.size)) {}
  explicit DeviceArray(Unwritten array)
      : size_(array.size), data_(static_cast<T*>(cuda::device_malloc(size_ * sizeof(T)))) {}
  ~DeviceArray() { cuda::device_free(data_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() const { return data_; }
  std::vector<T> values() const {
    std::vector<T> result(size_);
    cuda::stream_synchronize(nullptr);
    cuda::device_memcpy(result.data(), data_, size_ * sizeof(T), cuda::Copy::to_host, nullptr);
    cuda::stream_synchronize(nullptr);
    return result;
  }

 private:
  std::size_t size_;
  T* data_;
};

}  // namespace chainline::test
