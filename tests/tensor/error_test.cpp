#include "tensor/error.h"

#include <gtest/gtest.h>

namespace chainline {
namespace {

TEST(Error, SaysTheSentenceMadeOfItsParts) {
  try {
    check<ShapeError>(false, "layer_norm: weight: expected ", 8, ", got ", 4);
    FAIL() << "expected a ShapeError";
  } catch (const ShapeError& e) {
    EXPECT_STREQ(e.what(), "layer_norm: weight: expected 8, got 4");
  }
}

TEST(Error, CanBeCaughtByItsRoot) { EXPECT_THROW(check<FileError>(false, "x"), Error); }

}  // namespace
}  // namespace chainline
