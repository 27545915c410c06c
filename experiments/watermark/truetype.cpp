#include "experiments/watermark/truetype.h"

#include <algorithm>
#include <climits>
#include <cmath>
#include <cstdint>
#include <utility>

#include "experiments/data/paths.h"
#include "experiments/watermark/truetype_file.h"
#include "tensor/error.h"
#include "tensor/sha256.h"

namespace {

constexpr std::size_t kMaxWorkspace = std::size_t{256} << 20;  // for one character

/// What the rasterizer allocates for one character, freed when that is done or has failed.
class Workspace {
 public:
  void* take(std::size_t size) {
    chainline::check<chainline::FileError>(size <= kMaxWorkspace - taken_,
                                           "font: expected an outline of moderate size, got one ",
                                           "that needs more than ", kMaxWorkspace, " bytes");
    taken_ += size;
    blocks_.push_back(std::make_unique<std::byte[]>(size));
    return blocks_.back().get();
  }

 private:
  std::vector<std::unique_ptr<std::byte[]>> blocks_;
  std::size_t taken_ = 0;
};

[[noreturn]] void rasterizer_fault(const char* condition) {
  throw chainline::FileError(std::string("font: expected a sound outline, got a fault: ") +
                             condition);
}

/// The rasterizer's own has 16 bits, which the coordinates of scaled components may leave.
struct WideVertex {
  int x, y, cx, cy, cx1, cy1;
  unsigned char type, padding;
};

}  // namespace

#define stbtt_vertex WideVertex
#define stbtt_vertex_type int
#define STBTT_malloc(size, workspace) (static_cast<Workspace*>(workspace)->take(size))
#define STBTT_free(block, workspace) ((void)(block), (void)(workspace))
#define STBTT_assert(condition) ((condition) ? (void)0 : rasterizer_fault(#condition))
#define STBTT_STATIC
#define STB_TRUETYPE_IMPLEMENTATION
#include <stb_truetype.h>

namespace chainline::experiments {
namespace {

constexpr std::uint64_t kMaxFontBytes = std::uint64_t{32} << 20;
constexpr int kMaxGlyphSide = 4096, kMaxSide = 16384;
constexpr double kLineGap = 4;

class TrueTypeFont : public Font {
 public:
  TrueTypeFont(std::vector<std::byte> bytes, const std::string& name, double pixels)
      : bytes_(std::move(bytes)), file_(bytes_, name), name_(name), pixels_(pixels) {
    const auto* data = reinterpret_cast<const unsigned char*>(bytes_.data());
    check<FileError>(stbtt_InitFont(&info_, data, 0) != 0, "font: ", name_,
                     ": expected a TrueType font, got what the rasterizer refuses");
  }

  Mask render(const std::vector<std::string>& lines, double scale) const override {
    check_text(lines, scale);
    const std::vector<Placed> glyphs = place(lines, scale);
    int left = INT_MAX, top = INT_MAX, right = INT_MIN, bottom = INT_MIN;
    for (const Placed& g : glyphs) {
      left = std::min(left, g.x);
      top = std::min(top, g.y);
      right = std::max(right, g.x + g.width);
      bottom = std::max(bottom, g.y + g.height);
    }
    check<ValueError>(!glyphs.empty(), "font: text: expected a visible character, got none");
    check<ValueError>(right - left <= kMaxSide && bottom - top <= kMaxSide,
                      "font: text: expected a mask of at most ", kMaxSide, " pixels a side, got ",
                      right - left, " x ", bottom - top);
    Mask mask;
    mask.width = right - left;
    mask.height = bottom - top;
    mask.coverage.assign(
        static_cast<std::size_t>(mask.width) * static_cast<std::size_t>(mask.height), 0);
    for (const Placed& g : glyphs) {
      std::vector<unsigned char> drawn(static_cast<std::size_t>(g.width) *
                                       static_cast<std::size_t>(g.height));
      Workspace workspace;
      stbtt_fontinfo info = info_;
      info.userdata = &workspace;
      const auto size = static_cast<float>(pixels_ * scale / file_.units_per_em());
      stbtt_MakeGlyphBitmapSubpixel(&info, drawn.data(), g.width, g.height, g.width, size, size,
                                    g.shift, 0, g.glyph);
      for (int y = 0; y < g.height; ++y)
        for (int x = 0; x < g.width; ++x) {
          std::uint8_t& pixel = mask.at(g.x - left + x, g.y - top + y);
          pixel = std::max(pixel, drawn[static_cast<std::size_t>(y * g.width + x)]);
        }
    }
    return mask;
  }

  std::string name() const override { return name_; }
  std::string sha256() const override { return sha256_hex(bytes_); }

 private:
  struct Placed {
    int glyph = 0;
    float shift = 0;  // the pen's fraction of a pixel
    int x = 0, y = 0, width = 0, height = 0;
  };

  /// Where the visible glyphs go, the pen of the first line starting at 0, 0.
  std::vector<Placed> place(const std::vector<std::string>& lines, double scale) const {
    const double unit = pixels_ * scale / file_.units_per_em();
    const double line_height = (file_.ascent() - file_.descent()) * unit + kLineGap * scale;
    std::vector<Placed> placed;
    for (std::size_t row = 0; row < lines.size(); ++row) {
      const double baseline = std::round(static_cast<double>(row) * line_height);
      double pen = 0;
      for (const char c : lines[row]) {
        check<ValueError>(pen <= kMaxSide && baseline <= kMaxSide,
                          "font: text: expected a mask of at most ", kMaxSide,
                          " pixels a side, got a larger text");
        Placed g;
        g.glyph = file_.glyph(c);
        g.shift = static_cast<float>(pen - std::floor(pen));
        int x0 = 0, y0 = 0, x1 = 0, y1 = 0;
        const auto size = static_cast<float>(unit);
        stbtt_GetGlyphBitmapBoxSubpixel(&info_, g.glyph, size, size, g.shift, 0, &x0, &y0, &x1,
                                        &y1);
        g.x = static_cast<int>(std::floor(pen)) + x0;
        g.y = static_cast<int>(baseline) + y0;
        g.width = x1 - x0;
        g.height = y1 - y0;
        check<FileError>(g.width <= kMaxGlyphSide && g.height <= kMaxGlyphSide, "font: ", name_,
                         ": expected a glyph of at most ", kMaxGlyphSide, " pixels a side, got ",
                         g.width, " x ", g.height, " for ", c);
        if (g.width > 0 && g.height > 0) placed.push_back(g);
        pen += file_.advance(c) * unit;
      }
    }
    return placed;
  }

  std::vector<std::byte> bytes_;
  TrueTypeFile file_;
  std::string name_;
  double pixels_;
  stbtt_fontinfo info_{};
};

}  // namespace

std::shared_ptr<const Font> parse_truetype_font(std::vector<std::byte> bytes,
                                                const std::string& name, double pixels) {
  check<ValueError>(pixels >= 4 && pixels <= 256, "font: pixels: expected 4 .. 256, got ", pixels);
  check<FileError>(bytes.size() <= kMaxFontBytes, "font: ", name, ": expected at most ",
                   kMaxFontBytes, " bytes, got ", bytes.size());
  return std::make_shared<TrueTypeFont>(std::move(bytes), name, pixels);
}

std::shared_ptr<const Font> load_truetype_font(const std::filesystem::path& path, double pixels) {
  return parse_truetype_font(read_file(path, kMaxFontBytes), path.filename().string(), pixels);
}

std::shared_ptr<const Font> font_of(const std::string& file) {
  return file.empty() ? bitmap_font() : load_truetype_font(file);
}

}  // namespace chainline::experiments
