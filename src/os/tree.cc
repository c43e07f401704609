// Whole trees: removed, or counted.
#include <cerrno>
#include <set>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"
#include "os/folder_stack.h"

namespace mayfly::os {

namespace {

struct Name {
  std::string text;
  bool folder = false;
};

/// Some names of the folder, at most `limit`: a folder of millions is taken in pieces.
Result<std::vector<Name>> some_names(int folder, std::size_t limit) {
  Fd copy = TRY(open_at(folder, ".", O_RDONLY | O_DIRECTORY));
  DIR* stream = ::fdopendir(copy.get());
  if (stream == nullptr) return tl::unexpected(errno_error(errno, "cannot list a folder"));
  copy.release();
  std::vector<Name> names;
  errno = 0;
  while (names.size() < limit) {
    const dirent* entry = ::readdir(stream);
    if (entry == nullptr) break;
    const std::string_view found = entry->d_name;
    if (found == "." || found == "..") continue;
    bool is_folder = entry->d_type == DT_DIR;
    if (entry->d_type == DT_UNKNOWN) {
      struct stat info {};
      is_folder = ::fstatat(folder, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode);
    }
    names.push_back({std::string(found), is_folder});
    errno = 0;
  }
  const int number = errno;
  ::closedir(stream);
  if (number != 0) return tl::unexpected(errno_error(number, "cannot list a folder"));
  return names;
}

/// A folder being emptied: what is left of the names that were read last.
struct Emptying {
  std::string name;
  std::vector<Name> names;
  int passes = 0;
};

class Removal {
 public:
  explicit Removal(int folder) : stack_(folder) {}

  Status run(const std::string& name) {
    TRY(remove(name, false));
    while (!open_.empty()) TRY(step());
    return {};
  }

 private:
  // Each pass takes this many names. A folder that is refilled as fast as it is emptied ends as busy.
  static constexpr std::size_t names_at_once = 4096;
  static constexpr int passes_without_effect = 16;

  Status step() {
    Emptying& current = open_.back();
    if (!current.names.empty()) {
      const Name next = std::move(current.names.back());
      current.names.pop_back();
      return remove(next.text, next.folder);
    }
    current.names = TRY(some_names(stack_.fd(), names_at_once));
    if (!current.names.empty()) return {};

    const std::string name = current.name;
    TRY(stack_.leave());
    if (::unlinkat(stack_.fd(), name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) {
      open_.pop_back();
      return {};
    }
    if ((errno != ENOTEMPTY && errno != EEXIST) || ++open_.back().passes >= passes_without_effect) {
      return refused(errno == ENOTEMPTY ? EBUSY : errno, name, 1);
    }
    return stack_.enter(name);
  }

  Status remove(const std::string& name, bool folder) {
    if (!folder) {
      if (::unlinkat(stack_.fd(), name.c_str(), 0) == 0 || errno == ENOENT) return {};
      struct stat info {};
      const int number = errno;
      if (::fstatat(stack_.fd(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT) return {};
      if (!S_ISDIR(info.st_mode)) return refused(number, name, 0);
    }
    if (::unlinkat(stack_.fd(), name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
    if (errno == ENOTDIR) return remove(name, false);
    if (errno != ENOTEMPTY && errno != EEXIST) return refused(errno, name, 0);
    if (auto entered = stack_.enter(name); !entered) {
      // EXDEV, as Code::invalid: something is mounted there.
      if (entered.error().code == Code::invalid) return refused(EBUSY, name, 0);
      return entered;
    }
    open_.push_back({name, {}, 0});
    return {};
  }

  Status refused(int number, const std::string& name, std::size_t hidden) const {
    std::string where;
    for (std::size_t i = 0; i + hidden < open_.size() && where.size() < 512; ++i) where += open_[i].name + "/";
    return tl::unexpected(errno_error(number, "cannot remove " + where + name));
  }

  FolderStack stack_;
  std::vector<Emptying> open_;   // one per level of the stack
};

}  // namespace

Status remove_tree_at(int folder, const std::string& name) { return Removal(folder).run(name); }

Status remove_tree(const std::string& path) {
  std::string clean = path;
  while (clean.size() > 1 && clean.back() == '/') clean.pop_back();
  const auto slash = clean.find_last_of('/');
  const std::string parent = slash == std::string::npos ? "." : slash == 0 ? "/" : clean.substr(0, slash);
  const std::string leaf = slash == std::string::npos ? clean : clean.substr(slash + 1);
  if (leaf.empty() || leaf == "." || leaf == "..") {
    return fail(Code::invalid, "cannot remove " + path + ": it does not end in a name");
  }
  auto folder = open(parent, O_RDONLY | O_DIRECTORY);
  if (!folder) {
    if (folder.error().code == Code::not_found) return {};
    return tl::unexpected(in_context("cannot remove " + path, folder.error()));
  }
  return remove_tree_at(folder->get(), leaf);
}

Result<std::int64_t> disk_usage(int folder) {
  constexpr std::int64_t block = 512;   // the unit of st_blocks, whatever the file system's own
  FolderStack stack(folder);
  std::int64_t bytes = 0;
  std::set<std::pair<dev_t, ino_t>> counted;
  std::vector<std::vector<std::string>> left;
  left.push_back(TRY(list_folder_at(folder, ".")));
  while (!left.empty()) {
    if (left.back().empty()) {
      left.pop_back();
      if (!left.empty()) TRY(stack.leave());
      continue;
    }
    const std::string name = std::move(left.back().back());
    left.back().pop_back();
    struct stat info {};
    if (::fstatat(stack.fd(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;
      return tl::unexpected(errno_error(errno, "cannot look at " + name));
    }
    if (S_ISDIR(info.st_mode)) {
      // Whatever vanished, was swapped or lies on another mount is not of this tree.
      if (!stack.enter(name)) continue;
      bytes += info.st_blocks * block;
      left.push_back(TRY(list_folder_at(stack.fd(), ".")));
      continue;
    }
    if (info.st_nlink > 1 && !counted.emplace(info.st_dev, info.st_ino).second) continue;
    bytes += info.st_blocks * block;
  }
  return bytes;
}

}  // namespace mayfly::os
