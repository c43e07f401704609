#include "agent/files.h"

#include <cerrno>
#include <deque>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/entries.h"
#include "agent/fd.h"
#include "agent/move.h"
#include "agent/path.h"
#include "agent/remove_tree.h"

namespace mayfly::agent {

namespace {

constexpr int depth_limit = 64;

tl::unexpected<Error> system_error(const char* verb, const std::string& path) {
  return tl::unexpected(errno_error(errno, std::string(verb) + " " + path));
}

Result<Fd> open_folder(const std::string& path) {
  Fd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK));
  if (folder) return folder;
  const int trouble = errno;
  struct stat info{};
  if (trouble == ENOTDIR && ::stat(path.c_str(), &info) == 0) return fail(Code::invalid, path + " is not a folder");
  errno = trouble;
  return system_error("open", path);
}

std::string target_of(int folder, const std::string& name, const struct stat& info) {
  return S_ISLNK(info.st_mode) ? link_target(folder, name) : std::string();
}

/// Entries that vanish while we look are left out.
bool add_named(Listing& listing, int folder, const std::string& name, const std::string& shown, struct stat& info) {
  if (::fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return true;
  return listing.add(shown, info, target_of(folder, name, info));
}

}  // namespace

Result<Answer> stat_entry(const std::string& given) {
  const auto path = TRY(clean_path(given));
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return system_error("look at", path);
  Answer answer;
  write_entry(answer.fields, path == "/" ? path : leaf_of(path), info, target_of(AT_FDCWD, path, info));
  return answer;
}

Result<Answer> list_folder(const std::string& given) {
  const auto folder = TRY(open_folder(TRY(clean_path(given))));
  const auto found = names_in(folder.get(), wire::list_limit);
  Listing listing;
  if (found.cut) listing.cut();
  struct stat info{};
  for (const auto& name : found.names)
    if (!add_named(listing, folder.get(), name, name, info)) break;
  return listing.answer();
}

Result<Answer> list_tree(const std::string& given) {
  const auto root = TRY(open_folder(TRY(clean_path(given))));
  struct Folder {
    std::string below;  // path below the root; the root itself: empty
    int depth = 0;
  };
  std::deque<Folder> to_visit = {{"", 0}};
  Listing listing;
  for (; !to_visit.empty(); to_visit.pop_front()) {
    const auto& here = to_visit.front();
    const Fd folder(::openat(root.get(), here.below.empty() ? "." : here.below.c_str(),
                             O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    if (!folder || (here.depth > 0 && made_by_the_kernel(folder.get()))) continue;
    const auto found = names_in(folder.get(), listing.room());
    if (found.cut || here.depth >= depth_limit) listing.cut();
    if (here.depth >= depth_limit) continue;
    for (const auto& name : found.names) {
      struct stat info{};
      const auto shown = here.below.empty() ? name : here.below + "/" + name;
      if (!add_named(listing, folder.get(), name, shown, info)) break;
      if (S_ISDIR(info.st_mode)) to_visit.push_back({shown, here.depth + 1});
    }
  }
  return listing.answer();
}

Status make_folder(const std::string& given, bool parents) {
  const auto path = TRY(clean_path(given));
  if (path == "/" && parents) return {};
  TRY(may_change(path));
  if (parents) return make_folders(path, nullptr);
  if (::mkdir(path.c_str(), 0755) != 0) return system_error("make the folder", path);
  return {};
}

Status move_entry(const std::string& given_from, const std::string& given_path) {
  const auto from = TRY(clean_path(given_from));
  const auto path = TRY(clean_path(given_path));
  TRY(may_change(from));
  TRY(may_change(path));
  if (::rename(from.c_str(), path.c_str()) == 0) return {};
  if (errno == EXDEV) return move_across(from, path);
  return tl::unexpected(errno_error(errno, "move " + from + " to " + path));
}

Status remove_entry(const std::string& given, bool recursive) {
  const auto path = TRY(clean_path(given));
  TRY(may_change(path));
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return system_error("remove", path);
  const bool is_folder = S_ISDIR(info.st_mode);
  if (is_folder && recursive) return remove_tree(path);
  if (::unlinkat(AT_FDCWD, path.c_str(), is_folder ? AT_REMOVEDIR : 0) != 0) return system_error("remove", path);
  return {};
}

Status set_mode(const std::string& given, unsigned mode) {
  const auto path = TRY(clean_path(given));
  TRY(may_change(path));
  const Fd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!fd || ::fchmod(fd.get(), mode) != 0) return system_error("set the mode of", path);
  return {};
}

Status make_link(const std::string& given, const std::string& target) {
  const auto path = TRY(clean_path(given));
  TRY(may_change(path));
  if (target.empty() || target.find('\0') != std::string::npos) return fail(Code::invalid, "a link needs a target");
  TRY(make_folders(folder_of(path), nullptr));
  if (::symlink(target.c_str(), path.c_str()) == 0) return {};
  if (errno != EEXIST) return system_error("make the link", path);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return system_error("put a link in the place of", path);
  if (::symlink(target.c_str(), path.c_str()) != 0) return system_error("make the link", path);
  return {};
}

}  // namespace mayfly::agent
