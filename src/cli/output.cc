#include "cli/output.h"

#include <cerrno>
#include <cstdlib>

#include <sys/ioctl.h>
#include <unistd.h>

namespace mayfly::cli {

bool Output::write(std::string_view bytes) {
  while (error_ == 0 && !bytes.empty()) {
    const auto done = ::write(fd_, bytes.data(), bytes.size());
    if (done >= 0) bytes.remove_prefix(static_cast<std::size_t>(done));
    else if (errno != EINTR) error_ = errno;
  }
  return error_ == 0;
}

Paper Output::paper() const {
  if (::isatty(fd_) == 0) return {};
  winsize size{};
  const bool told = ::ioctl(fd_, TIOCGWINSZ, &size) == 0;
  return {told ? size.ws_col : std::size_t{80}, std::getenv("NO_COLOR") == nullptr};
}

std::string printable(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
    if (byte == '\n' || byte == '\t') safe += ' ';
    else if (byte < 0x20 || byte == 0x7f) safe += '?';
    else if (byte == 0xc2 && next >= 0x80 && next < 0xa0) safe += '?', ++i;  // C1 controls, CSI among them
    else safe += text[i];
  }
  return safe;
}

}  // namespace mayfly::cli
