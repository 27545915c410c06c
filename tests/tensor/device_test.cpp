#include "tensor/device.h"

#include <sstream>

#include "tests/support.h"

namespace chainline {
namespace {

TEST(Device, IsNamedAndFoundByItsName) {
  EXPECT_EQ(parse_device("cpu"), kCpu);
  EXPECT_EQ(parse_device("cuda"), (Device{DeviceType::cuda, 0}));
  EXPECT_EQ(parse_device("cuda:3"), (Device{DeviceType::cuda, 3}));
  for (const char* name : {"cpu", "cuda:0", "cuda:12"}) {
    std::ostringstream text;
    text << parse_device(name);
    EXPECT_EQ(text.str(), name);
  }
}

TEST(Device, RefusesOtherNames) {
  for (const char* name : {"", "gpu", "cuda:", "cuda:-1", "cuda:1x", "cuda:99999999999", "CPU"}) {
    EXPECT_EQ(test::message_of<ValueError>([&] { parse_device(name); }),
              std::string("device: expected cpu, cuda or cuda:N, got ") + name);
  }
}

}  // namespace
}  // namespace chainline
