#include "core/volume_mount.h"

#include <algorithm>
#include <array>

namespace mayfly {

namespace {

// What the container itself mounts, and the folder of the agent.
constexpr std::array reserved = {"/proc", "/sys", "/dev", "/.mayfly"};
constexpr std::size_t longest_path = 1024;

std::string in_quotes(std::string_view text) { return "\"" + std::string(text.substr(0, 120)) + "\""; }

tl::unexpected<Error> refused(std::string_view path, std::string expected) {
  std::string message = "a volume cannot be mounted at " + in_quotes(path) + ": the path must be " + expected;
  return tl::unexpected(
      Error{Code::invalid, std::move(message), "mount_path_invalid", {{"mounts.path", expected, in_quotes(path)}}});
}

bool on_or_below(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

bool plain(std::string_view segment) {
  return !segment.empty() && segment != "." && segment != ".." && segment.size() <= 255;
}

}  // namespace

Status check_mount_path(std::string_view path) {
  if (path.empty() || path.front() != '/') return refused(path, "absolute");
  if (path == "/") return refused(path, "a folder below /, for / is the sandbox itself");
  if (path.size() > longest_path) return refused(path, "at most 1024 bytes long");
  const bool odd = std::any_of(path.begin(), path.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (odd) return refused(path, "free of control characters");
  for (std::size_t at = 0; at < path.size();) {
    const auto end = std::min(path.find('/', at + 1), path.size());
    if (!plain(path.substr(at + 1, end - at - 1)))
      return refused(path, "plain: no empty segment, no \".\" and no \"..\", no / at its end");
    at = end;
  }
  for (const auto* folder : reserved)
    if (on_or_below(path, folder)) return refused(path, "outside of /proc, /sys, /dev and /.mayfly");
  return {};
}

Status check_mounts(const std::vector<VolumeMount>& mounts) {
  if (mounts.size() > most_mounts)
    return fail(Code::invalid, "a sandbox mounts at most " + std::to_string(most_mounts) + " volumes; this asks for " +
                                   std::to_string(mounts.size()), "too_many_mounts");
  for (const auto& mount : mounts) TRY(check_mount_path(mount.path));
  for (std::size_t i = 0; i < mounts.size(); ++i)
    for (std::size_t j = 0; j < mounts.size(); ++j)
      if (i != j && on_or_below(mounts[i].path, mounts[j].path))
        return refused(mounts[i].path, "neither on nor below another mount, and there is one at " +
                                           in_quotes(mounts[j].path));
  return {};
}

}  // namespace mayfly
