#include "tensor/print.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <sstream>
#include <type_traits>
#include <vector>

namespace chainline {
namespace {

constexpr std::int64_t kGap = -1;

/// The entries of a dimension that are shown, a gap among them when it is long.
std::vector<std::int64_t> shown(std::int64_t size, const PrintFormat& format) {
  std::vector<std::int64_t> entries;
  const bool elides = size > format.longest && size > 2 * format.edge;
  for (std::int64_t i = 0; i < size; ++i) {
    if (elides && i == format.edge) {
      entries.push_back(kGap);
      i = size - format.edge;
    }
    entries.push_back(i);
  }
  return entries;
}

template <class T>
void collect(const Tensor& x, const PrintFormat& format, std::vector<T>& values) {
  if (x.rank() == 0) {
    values.push_back(x.item<T>());
    return;
  }
  for (const std::int64_t i : shown(x.shape()[0], format)) {
    if (i != kGap) collect(x.select(0, i), format, values);
  }
}

template <class T, class... Style>
std::string characters(T value, Style... style) {
  std::array<char, 512> buffer;  // more than the 309 digits of the largest f64 and its fraction
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, style...);
  return std::string(buffer.data(), end.ptr);
}

template <class T>
std::vector<std::string> words(const std::vector<T>& values, const PrintFormat& format) {
  bool whole = true, narrow = true;
  for (const T x : values) {
    if (!std::isfinite(x)) continue;
    const T size = std::abs(x);
    whole = whole && std::trunc(x) == x;
    narrow = narrow && size < T(1e6) && (size == 0 || size >= T(1e-3));
  }
  std::vector<std::string> all;
  for (const T x : values) {
    if (std::isnan(x)) {
      all.push_back("nan");
    } else if (std::isinf(x)) {
      all.push_back(x > 0 ? "inf" : "-inf");
    } else if (format.round_trip) {
      all.push_back(characters(x));
    } else if (!narrow) {
      all.push_back(characters(x, std::chars_format::scientific, format.precision));
    } else if (whole) {
      all.push_back(characters(x, std::chars_format::fixed, 0) + ".");
    } else {
      all.push_back(characters(x, std::chars_format::fixed, format.precision));
    }
  }
  return all;
}

/// The elements that are shown, in row-major order.
std::vector<std::string> elements(const Tensor& x, const PrintFormat& format) {
  return visit_any(x.dtype(), [&]<class T>(Type<T>) {
    std::vector<T> values;
    collect(x, format, values);
    if constexpr (std::is_integral_v<T>) {
      std::vector<std::string> all;
      for (const T value : values) all.push_back(characters(std::int64_t{value}));
      return all;
    } else if constexpr (std::is_same_v<T, bf16>) {
      std::vector<float> wide;
      for (const T value : values) wide.push_back(static_cast<float>(value));
      return words(wide, format);
    } else {
      return words(values, format);
    }
  });
}

/// Writes the brackets of dimension d; `next` is the first element not yet written.
void write(const Shape& shape, std::int64_t d, const PrintFormat& format,
           std::vector<std::string>::const_iterator& next, std::string& text) {
  if (d == shape.rank()) {
    text += *next++;
    return;
  }
  text += "[";
  bool first = true;
  for (const std::int64_t i : shown(shape[d], format)) {
    if (!first) {
      text += ",";
      const std::int64_t below = shape.rank() - 1 - d;
      if (below == 0) {
        text += " ";
      } else {
        text.append(static_cast<std::size_t>(below), '\n');
        text.append(static_cast<std::size_t>(d + 1), ' ');
      }
    }
    first = false;
    if (i == kGap) {
      text += "...";
    } else {
      write(shape, d + 1, format, next, text);
    }
  }
  text += "]";
}

}  // namespace

std::string to_string(const Tensor& x, const PrintFormat& format) {
  check<ValueError>(format.precision >= 0 && format.precision <= 100,
                    "to_string: precision: ", "expected 0 to 100 digits, got ", format.precision);
  check<ValueError>(format.longest >= 1 && format.edge >= 1,
                    "to_string: ", "expected longest and edge of at least 1, got ", format.longest,
                    " and ", format.edge);
  if (!x.defined()) return "undefined";
  std::vector<std::string> all = elements(x.to(kCpu), format);
  std::size_t width = 0;
  for (const std::string& word : all) width = std::max(width, word.size());
  for (std::string& word : all) word.insert(0, width - word.size(), ' ');
  std::string text;
  auto next = all.cbegin();
  write(x.shape(), 0, format, next, text);
  std::ostringstream kind;
  kind << x.dtype() << " " << x.shape();
  if (x.device() != kCpu) kind << " on " << x.device();
  return text + "\n" + kind.str();
}

std::ostream& operator<<(std::ostream& out, const Tensor& x) { return out << to_string(x); }

}  // namespace chainline
