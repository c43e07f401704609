#include "agent/draft.h"

#include <bitset>
#include <cerrno>
#include <mutex>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

namespace mayfly::agent {

namespace {

// All names that our drafts ever have. Only this process makes such files, so one that no draft of ours holds was left
// by an agent that was killed, and can be told without a look at all the folder's names. There are as many as
// connections.
constexpr std::size_t slots = 256;
constexpr const char* linked_name = ".mayfly-draft";

std::mutex mutex;  // guards all of those names, in every folder
std::bitset<slots> taken;

std::string name_of(std::size_t slot) { return linked_name + ("-" + std::to_string(slot)); }

tl::unexpected<Error> system_error(const std::string& what) { return tl::unexpected(errno_error(errno, what)); }

/// The second way needs no right but /proc, the first no /proc but a right or a kernel from 6.10 on.
bool link_file(int file, int folder, const char* name) {
  if (::linkat(file, "", folder, name, AT_EMPTY_PATH) == 0) return true;
  if (errno == EEXIST) return false;
  const auto by_number = "/proc/self/fd/" + std::to_string(file);
  return ::linkat(AT_FDCWD, by_number.c_str(), folder, name, AT_SYMLINK_FOLLOW) == 0;
}

}  // namespace

Result<Draft> Draft::open(const std::string& folder, const std::string& path) {
  Draft draft;
  draft.path_ = path;
  draft.folder_ = Fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK));
  if (!draft.folder_) return system_error("open " + folder);
  draft.file_ = Fd(::openat(draft.folder(), ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
  if (!draft.file_) TRY(draft.open_named());
  return draft;
}

Status Draft::open_named() {
  const std::lock_guard lock(mutex);
  std::optional<std::size_t> free;
  for (std::size_t slot = slots; slot-- > 0;) {
    if (taken[slot]) continue;
    ::unlinkat(folder(), name_of(slot).c_str(), 0);
    free = slot;
  }
  if (!free) return fail(Code::exhausted, "write " + path_ + ": too many files are being written");
  file_ = Fd(::openat(folder(), name_of(*free).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file_) return system_error("write a draft of " + path_);
  taken[*free] = true;
  slot_ = free;
  return {};
}

Draft::Draft(Draft&& other) noexcept
    : folder_(std::move(other.folder_)),
      file_(std::move(other.file_)),
      path_(std::move(other.path_)),
      slot_(std::exchange(other.slot_, {})) {}

Draft::~Draft() {
  if (!slot_) return;
  const std::lock_guard lock(mutex);
  ::unlinkat(folder(), name_of(*slot_).c_str(), 0);
  taken[*slot_] = false;
}

Status Draft::write(const char* bytes, std::size_t size) {
  while (size > 0) {
    const auto written = ::write(file(), bytes, size);
    if (written < 0) return system_error("write " + path_);
    bytes += written;
    size -= static_cast<std::size_t>(written);
  }
  return {};
}

Status Draft::commit(const std::string& leaf) {
  if (!slot_) return commit_unnamed(leaf);
  if (::renameat(folder(), name_of(*slot_).c_str(), folder(), leaf.c_str()) != 0)
    return system_error("write " + path_);
  return {};
}

/// A link replaces nothing, a rename does: so it gets a name for the moment between the two. All drafts get the same
/// one, in turn: an agent killed in that moment leaves one name, which the next write in the folder takes away.
Status Draft::commit_unnamed(const std::string& leaf) {
  const std::lock_guard lock(mutex);
  bool linked = link_file(file(), folder(), linked_name);
  if (!linked && errno == EEXIST) {
    ::unlinkat(folder(), linked_name, 0);
    linked = link_file(file(), folder(), linked_name);
  }
  if (!linked) return system_error("write " + path_);
  if (::renameat(folder(), linked_name, folder(), leaf.c_str()) == 0) return {};
  const auto trouble = system_error("write " + path_);
  ::unlinkat(folder(), linked_name, 0);
  return trouble;
}

}  // namespace mayfly::agent
