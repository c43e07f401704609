#include "cli/local_files.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mayfly::cli {

namespace fs = std::filesystem;

Place parse_place(const std::string& text) {
  const auto colon = text.find(':');
  if (colon == std::string::npos || colon == 0 || text.substr(colon, 2) != ":/") return {{}, text};
  const bool is_name = std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(colon),
                                   [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; });
  return is_name ? Place{text.substr(0, colon), text.substr(colon + 1)} : Place{{}, text};
}

Result<fs::path> below(const fs::path& root, std::string_view name) {
  const auto refuse = [&](const char* why) {
    return fail(Code::denied, "the sandbox names a file \"" + std::string(name.substr(0, 200)) + "\", which " + why);
  };
  fs::path place = root;
  for (std::size_t at = 0; at <= name.size();) {
    const auto slash = std::min(name.find('/', at), name.size());
    const auto segment = name.substr(at, slash - at);
    if (segment.empty() || segment == "." || segment == ".." || segment.find('\0') != segment.npos)
      return refuse("could lead out of the folder");
    place /= segment;
    std::error_code ignored;
    if (slash < name.size() && fs::is_symlink(fs::symlink_status(place, ignored)))
      return refuse("passes through a link that stands here already");
    at = slash + 1;
  }
  return place;
}

NewFile::NewFile(int fd, std::string temporary, fs::path final_path)
    : fd_(fd), temporary_(std::move(temporary)), final_path_(std::move(final_path)) {}

NewFile::NewFile(NewFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), temporary_(std::exchange(other.temporary_, {})),
      final_path_(std::move(other.final_path_)), size_(other.size_), error_(other.error_) {}

NewFile::~NewFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<NewFile> NewFile::beside(const fs::path& final_path) {
  std::string temporary = (final_path.parent_path() / ".mayfly-XXXXXX").string();
  const int fd = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) return tl::unexpected(errno_error(errno, "cannot write " + final_path.string()));
  return NewFile(fd, std::move(temporary), final_path);
}

bool NewFile::write(std::string_view bytes) {
  while (error_ == 0 && !bytes.empty()) {
    const auto done = ::write(fd_, bytes.data(), bytes.size());
    if (done < 0 && errno != EINTR) error_ = errno;
    if (done <= 0) continue;
    bytes.remove_prefix(static_cast<std::size_t>(done));
    size_ += static_cast<std::uint64_t>(done);
  }
  return error_ == 0;
}

Status NewFile::keep(unsigned mode) {
  if (error_ == 0 && ::fchmod(fd_, mode & 0777) != 0) error_ = errno;
  // Some file systems tell of a full disk only here.
  if (::close(std::exchange(fd_, -1)) != 0 && error_ == 0) error_ = errno;
  if (error_ == 0 && ::rename(temporary_.c_str(), final_path_.c_str()) != 0) error_ = errno;
  if (error_ != 0) return tl::unexpected(errno_error(error_, "cannot write " + final_path_.string()));
  temporary_.clear();
  return {};
}

std::string base_name(const std::string& path) {
  auto normal = fs::path(path).lexically_normal();
  if (normal.filename().empty()) normal = normal.parent_path();
  if (normal == "." || normal == ".." || normal.filename() == "..") {
    std::error_code ignored;
    normal = fs::canonical(normal, ignored);
  }
  return normal.filename().string();
}

}  // namespace mayfly::cli
