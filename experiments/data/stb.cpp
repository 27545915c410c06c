#include "experiments/data/stb.h"

#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "tensor/error.h"

namespace {

// What the decoder of this thread may allocate in one piece, and whether it asked for more.
thread_local std::size_t stb_max_allocation = 0;
thread_local bool stb_asked_too_much = false;

bool stb_may_allocate(std::size_t size) {
  if (size > stb_max_allocation) stb_asked_too_much = true;
  return size <= stb_max_allocation;
}

// Zeroed, so that a crafted file that leaves pixels unwritten shows black and not old memory.
void* stb_allocate(std::size_t size) {
  return stb_may_allocate(size) ? std::calloc(1, size) : nullptr;
}

void* stb_reallocate(void* old, std::size_t old_size, std::size_t size) {
  if (!stb_may_allocate(size)) return nullptr;  // as realloc: the old piece stays
  void* grown = std::realloc(old, size);
  if (grown != nullptr && size > old_size)
    std::memset(static_cast<char*>(grown) + old_size, 0, size - old_size);
  return grown;
}

}  // namespace

// One translation unit, only the two formats, no file access of its own. Without SIMD a JPEG has
// the same pixels on every machine.
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_NO_STDIO
#define STBI_NO_SIMD
#define STBI_MAX_DIMENSIONS 16384
#define STBI_MALLOC(size) stb_allocate(size)
#define STBI_REALLOC_SIZED(p, old_size, size) stb_reallocate(p, old_size, size)
#define STBI_FREE(p) std::free(p)
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wshadow"
#include <stb_image.h>
#include <stb_image_write.h>
#pragma GCC diagnostic pop

namespace chainline::experiments {
namespace {

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

}  // namespace

Image stb_decode(std::span<const std::byte> bytes, std::size_t max_allocation,
                 const std::string& name) {
  check<FileError>(bytes.size() <= INT_MAX, name, ": expected less than 2 GiB, got ", bytes.size(),
                   " bytes");
  stb_max_allocation = max_allocation;
  stb_asked_too_much = false;
  Image image;
  int channels = 0;
  const std::unique_ptr<stbi_uc, Free> pixels(stbi_load_from_memory(
      reinterpret_cast<const stbi_uc*>(bytes.data()), static_cast<int>(bytes.size()), &image.width,
      &image.height, &channels, 3));
  check<FileError>(!stb_asked_too_much, name, ": holds more data than its header implies");
  check<FileError>(pixels != nullptr, name,
                   ": damaged picture: ", pixels == nullptr ? stbi_failure_reason() : "");
  image.pixels.assign(pixels.get(), pixels.get() + std::size_t{3} *
                                                       static_cast<std::size_t>(image.width) *
                                                       static_cast<std::size_t>(image.height));
  return image;
}

std::vector<std::byte> stb_encode_png(const Image& image) {
  int length = 0;
  const std::unique_ptr<unsigned char, Free> png(stbi_write_png_to_mem(
      image.pixels.data(), 3 * image.width, image.width, image.height, 3, &length));
  if (png == nullptr) throw std::bad_alloc();
  const auto* first = reinterpret_cast<const std::byte*>(png.get());
  return {first, first + length};
}

}  // namespace chainline::experiments
