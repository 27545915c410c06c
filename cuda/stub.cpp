// The end of the seam for a build without CUDA: the device is named, and refused.

#include "tensor/backend.h"
#include "tensor/device.h"
#include "tensor/error.h"

namespace chainline::cuda {

int device_count() { return 0; }

Backend& backend(int index) {
  std::ostringstream sentence;
  sentence << "device: " << Device{DeviceType::cuda, index} << ": no CUDA in this build"
           << "; configure it with CHAINLINE_CUDA=ON or EMULATED";
  throw DeviceError(sentence.str());
}

void install_kernels() {}

}  // namespace chainline::cuda
