#include "agent/path.h"

#include <cerrno>
#include <climits>
#include <cstdlib>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/wire.h"

namespace mayfly::agent {

namespace {

constexpr std::string_view own_folder = "/.mayfly";
constexpr std::string_view root = "/";
constexpr int link_limit = 40;  // as the kernel has it

Status refuse(std::string_view path, const char* why) {
  return fail(Code::invalid, "the path \"" + std::string(path.substr(0, 200)) + "\" " + why);
}

bool is_own(const std::string& path) { return path == own_folder || path.starts_with(std::string(own_folder) + "/"); }

}  // namespace

Result<std::string> clean_path(std::string_view path) {
  if (path.empty()) return fail(Code::invalid, "the path is empty");
  if (path.size() >= wire::path_limit) TRY(refuse(path, "is longer than 4095 bytes"));
  if (path.find('\0') != path.npos) TRY(refuse(path.substr(0, path.find('\0')), "goes on after a NUL byte"));
  if (path.front() != '/') TRY(refuse(path, "is not absolute"));
  std::string clean;
  for (std::size_t at = 0; at < path.size();) {
    const auto slash = std::min(path.find('/', at), path.size());
    const auto segment = path.substr(at, slash - at);
    at = slash + 1;
    if (segment.empty() || segment == ".") continue;
    if (segment == "..") TRY(refuse(path, "holds \"..\", which means different things to people and to links"));
    clean.append("/").append(segment);
  }
  return clean.empty() ? "/" : clean;
}

Status may_change(const std::string& clean) {
  if (clean == "/") return fail(Code::invalid, "the root folder cannot be written, moved or removed");
  char real[PATH_MAX];
  const bool resolved = ::realpath(folder_of(clean).c_str(), real) != nullptr;
  if (is_own(clean) || (resolved && is_own(real == root ? "/" + leaf_of(clean) : real + ("/" + leaf_of(clean)))))
    return fail(Code::denied, clean + " belongs to the agent");
  return {};
}

std::string folder_of(const std::string& clean) {
  const auto slash = clean.rfind('/');
  return slash == 0 ? "/" : clean.substr(0, slash);
}

std::string leaf_of(const std::string& clean) { return clean.substr(clean.rfind('/') + 1); }

Result<std::string> follow_leaf(const std::string& clean) {
  std::string path = clean;
  for (int links = 0; links <= link_limit; ++links) {
    const auto target = link_target(AT_FDCWD, path);
    if (target.empty()) return path;
    path = target.front() == '/' ? target : folder_of(path) + "/" + target;
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    const auto leaf = leaf_of(path);
    if (leaf.empty() || leaf == "." || leaf == "..") return fail(Code::conflict, clean + " leads to a folder");
  }
  return tl::unexpected(errno_error(ELOOP, "follow " + clean));
}

Status make_folders(const std::string& clean, std::vector<std::string>* made) {
  for (std::size_t at = 0; at < clean.size();) {
    at = std::min(clean.find('/', at + 1), clean.size());
    const auto folder = clean.substr(0, at);
    if (::mkdir(folder.c_str(), 0755) == 0) {
      if (made) made->push_back(folder);
      continue;
    }
    const int trouble = errno;
    struct stat info{};
    if (::stat(folder.c_str(), &info) == 0) {
      if (S_ISDIR(info.st_mode)) continue;
      return fail(Code::conflict, "make the folder " + clean + ": " + folder + " is not a folder");
    }
    return tl::unexpected(errno_error(trouble, "make the folder " + folder));
  }
  return {};
}

std::string link_target(int folder, const std::string& name) {
  char target[wire::path_limit];
  const auto size = ::readlinkat(folder, name.c_str(), target, sizeof target);
  return size <= 0 ? std::string() : std::string(target, static_cast<std::size_t>(size));
}

}  // namespace mayfly::agent
