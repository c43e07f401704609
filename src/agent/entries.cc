#include "agent/entries.h"

#include <algorithm>

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

namespace mayfly::agent {

namespace {

// How many names we look at to find the first ones: a folder of millions costs a second, not the caller's patience.
constexpr std::size_t scan_limit = 1'000'000;

/// As FileInfo::Type counts them: file, folder, link, fifo, socket, device.
int type_of(mode_t mode) {
  if (S_ISREG(mode)) return 0;
  if (S_ISDIR(mode)) return 1;
  if (S_ISLNK(mode)) return 2;
  if (S_ISFIFO(mode)) return 3;
  if (S_ISSOCK(mode)) return 4;
  return 5;
}

}  // namespace

Names names_in(int folder, std::size_t limit) {
  Names found;
  auto keep_first = [&] {
    if (found.names.size() <= limit) return;
    const auto end = found.names.begin() + static_cast<std::ptrdiff_t>(limit);
    std::nth_element(found.names.begin(), end, found.names.end());
    found.names.erase(end, found.names.end());
    found.cut = true;
  };
  // A description of its own, so that its position is ours.
  const int again = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* stream = again < 0 ? nullptr : ::fdopendir(again);
  if (!stream) return found;
  std::size_t seen = 0;
  while (const auto* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (++seen > scan_limit) {
      found.cut = true;
      break;
    }
    found.names.emplace_back(name);
    if (found.names.size() >= 2 * limit + 64) keep_first();
  }
  ::closedir(stream);
  keep_first();
  std::sort(found.names.begin(), found.names.end());
  return found;
}

bool made_by_the_kernel(int file) {
  struct statfs info{};
  if (::fstatfs(file, &info) != 0) return false;
  switch (static_cast<unsigned long>(info.f_type)) {
    case PROC_SUPER_MAGIC:
    case SYSFS_MAGIC:
    case CGROUP_SUPER_MAGIC:
    case CGROUP2_SUPER_MAGIC: return true;
    default: return false;
  }
}

void write_entry(wire::Writer& to, const std::string& name, const struct stat& info, const std::string& target) {
  to.text(name).integer(type_of(info.st_mode)).integer(info.st_size).integer(info.st_mode & 07777);
  to.integer(info.st_uid).integer(info.st_gid);
  to.integer(std::int64_t(info.st_mtim.tv_sec) * 1'000'000 + info.st_mtim.tv_nsec / 1000).text(target);
}

bool Listing::add(const std::string& name, const struct stat& info, const std::string& target) {
  wire::Writer fields(wire::Kind::data);
  write_entry(fields, name, info, target);
  if (room() == 0 || name.size() > wire::path_limit || bytes_ + fields.body_size() > wire::list_bytes_limit) {
    cut_ = true;
    return false;
  }
  bytes_ += fields.body_size();
  entries_.push_back({name, fields.body()});
  return true;
}

Answer Listing::answer() {
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
  Answer answer;
  answer.fields.integer(static_cast<std::int64_t>(entries_.size())).boolean(cut_);
  answer.content.emplace();
  answer.content->reserve(bytes_);
  for (const auto& entry : entries_) *answer.content += entry.fields;
  return answer;
}

}  // namespace mayfly::agent
