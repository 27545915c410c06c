#include "cuda/emulator/checker/source_lines.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <sstream>

namespace chainline::emulator {
namespace {

std::string output_of(const std::string& command) {
  struct Close {
    void operator()(FILE* f) const { pclose(f); }
  };
  const std::unique_ptr<FILE, Close> pipe(popen(command.c_str(), "r"));
  std::string output;
  std::array<char, 4096> part;
  while (pipe && std::fgets(part.data(), part.size(), pipe.get()) != nullptr) output += part.data();
  return output;
}

}  // namespace

std::vector<std::string> source_lines(const std::vector<const void*>& return_addresses) {
  std::vector<std::string> lines;
  if (return_addresses.empty()) return lines;
  std::ostringstream command;
  Dl_info image{};
  dladdr(return_addresses[0], &image);
  const auto base = reinterpret_cast<std::uintptr_t>(image.dli_fbase);
  command << "addr2line -a -i -e '" << image.dli_fname << "'" << std::hex;
  for (const void* address : return_addresses) {
    // An instruction's call ends before the address that it returns to.
    const std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(address) - base - 1;
    std::ostringstream text;
    text << "0x" << std::hex << offset;
    lines.push_back(text.str());
    command << ' ' << text.str();
  }
  command << " 2>/dev/null";

  // For each address a line with it, then the file:line of the innermost function and of those that
  // it is inlined into. Words of CUDA itself are not where a reader looks.
  std::istringstream output(output_of(command.str()));
  std::size_t next = 0;
  bool found = true;
  for (std::string line; std::getline(output, line);) {
    if (line.starts_with("0x")) {
      ++next;
      found = false;
      continue;
    }
    if (found || next == 0 || next > lines.size()) continue;
    const bool word_of_cuda = line.find("/cuda/ptx.cuh:") != std::string::npos ||
                              (line.find("/cuda/emulator/") != std::string::npos &&
                               line.find(".h:") != std::string::npos);
    if (word_of_cuda || line[0] == '?') continue;
    line.resize(std::min(line.find(" (discriminator"), line.size()));
    lines[next - 1] = line.substr(line.rfind('/') + 1);
    found = true;
  }
  return lines;
}

}  // namespace chainline::emulator
