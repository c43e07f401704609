#include "os/layer_entry.h"

namespace mayfly::os {

std::string shown(std::string_view path) {
  constexpr std::size_t longest = 300;
  std::string text;
  for (const char c : path.substr(0, longest)) {
    const auto byte = static_cast<unsigned char>(c);
    text += byte < 0x20 || byte == 0x7f ? '?' : c;
  }
  if (path.size() > longest) text += "...";
  return text;
}

SplitPath split(std::string_view path) {
  const auto slash = path.rfind('/');
  if (slash == std::string_view::npos) return {".", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace mayfly::os
