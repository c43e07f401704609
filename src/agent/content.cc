#include "agent/content.h"

#include <atomic>
#include <cerrno>
#include <limits>

#include <fcntl.h>
#include <stdio.h>

#include "agent/clock.h"
#include "agent/path.h"
#include "base/wire.h"

namespace mayfly::agent {

namespace {

constexpr std::uint32_t default_mode = 0644;

tl::unexpected<Error> system_error(const char* verb, const std::string& path) {
  return tl::unexpected(errno_error(errno, std::string(verb) + " " + path));
}

Status only_regular(const char* verb, const std::string& path, mode_t mode) {
  if (S_ISREG(mode)) return {};
  const char* what = S_ISDIR(mode) ? "a folder" : S_ISFIFO(mode) ? "a FIFO" : S_ISSOCK(mode) ? "a socket" : "a device";
  return fail(Code::invalid, std::string("cannot ") + verb + " " + path + ": it is " + what);
}

/// Unlike any other draft of ours, and short enough for any file system.
std::string draft_name() {
  static std::atomic<unsigned> count{0};
  char name[64];
  ::snprintf(name, sizeof name, ".mayfly-draft-%llx-%x", static_cast<unsigned long long>(now_us()), ++count);
  return name;
}

}  // namespace

Result<FileReader> FileReader::open(const std::string& given, std::int64_t offset, std::int64_t length) {
  FileReader reader;
  reader.path_ = TRY(clean_path(given));
  if (offset < 0) return fail(Code::invalid, "cannot read " + reader.path_ + " from before its start");
  struct stat info{};
  // Looked at before it is opened: opening a FIFO or a device can do something.
  if (::stat(reader.path_.c_str(), &info) != 0) return system_error("read", reader.path_);
  TRY(only_regular("read", reader.path_, info.st_mode));
  reader.file_ = Fd(::open(reader.path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!reader.file_ || ::fstat(reader.file_.get(), &info) != 0) return system_error("read", reader.path_);
  TRY(only_regular("read", reader.path_, info.st_mode));
  reader.offset_ = offset;
  reader.left_ = length < 0 ? std::numeric_limits<std::int64_t>::max() : length;
  if (info.st_size > 0) {
    reader.left_ = std::min(reader.left_, std::max<std::int64_t>(0, info.st_size - offset));
    reader.announced_ = reader.left_;
  }
  reader.buffer_.resize(wire::chunk_size);
  return reader;
}

Result<std::string_view> FileReader::next() {
  const auto most = std::min(static_cast<std::int64_t>(buffer_.size()), left_);
  if (most == 0) return std::string_view();
  const auto got = ::pread(file_.get(), buffer_.data(), static_cast<std::size_t>(most), offset_);
  if (got < 0) return system_error("read", path_);
  offset_ += got;
  left_ -= got;
  return std::string_view(buffer_.data(), static_cast<std::size_t>(got));
}

Result<FileWriter> FileWriter::open(const std::string& given, std::optional<std::uint32_t> mode) {
  const auto path = TRY(clean_path(given));
  TRY(may_change(path));
  FileWriter writer;
  writer.path_ = TRY(follow_leaf(path));
  TRY(may_change(writer.path_));
  std::optional<struct stat> replaced(std::in_place);
  if (::lstat(writer.path_.c_str(), &*replaced) != 0) replaced.reset();
  if (replaced && S_ISDIR(replaced->st_mode)) return fail(Code::conflict, "cannot write " + path + ": it is a folder");
  if (replaced) TRY(only_regular("write", path, replaced->st_mode));
  writer.leaf_ = leaf_of(writer.path_);
  const auto folder = folder_of(writer.path_);
  TRY(make_folders(folder, &writer.made_folders_));
  writer.folder_ = Fd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!writer.folder_) return system_error("open", folder);
  TRY(writer.make_draft(replaced, mode));
  return writer;
}

/// It takes the owner and the mode of what it will replace.
Status FileWriter::make_draft(const std::optional<struct stat>& replaced, std::optional<std::uint32_t> mode) {
  auto name = draft_name();
  draft_ = Fd(::openat(folder_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!draft_) return system_error("write a draft of", path_);
  draft_name_ = std::move(name);
  const bool others = replaced && (replaced->st_uid != ::geteuid() || replaced->st_gid != ::getegid());
  if (others && ::fchown(draft_.get(), replaced->st_uid, replaced->st_gid) != 0 && errno != EPERM)
    return system_error("keep the owner of", path_);
  const auto wanted = mode ? *mode : replaced ? replaced->st_mode & 07777 : default_mode;
  if (::fchmod(draft_.get(), wanted) != 0) return system_error("set the mode of", path_);
  return {};
}

FileWriter::FileWriter(FileWriter&& other) noexcept
    : folder_(std::move(other.folder_)),
      draft_(std::move(other.draft_)),
      path_(std::move(other.path_)),
      leaf_(std::move(other.leaf_)),
      draft_name_(std::exchange(other.draft_name_, {})),
      made_folders_(std::exchange(other.made_folders_, {})) {}

FileWriter::~FileWriter() {
  if (!draft_name_.empty()) ::unlinkat(folder_.get(), draft_name_.c_str(), 0);
  // Somebody else may use them by now: then they are not empty and stay.
  for (auto made = made_folders_.rbegin(); made != made_folders_.rend(); ++made) ::rmdir(made->c_str());
}

Status FileWriter::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(draft_.get(), bytes.data(), bytes.size());
    if (written < 0) return system_error("write", path_);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Status FileWriter::commit() {
  if (::renameat(folder_.get(), draft_name_.c_str(), folder_.get(), leaf_.c_str()) != 0)
    return system_error("write", path_);
  draft_name_.clear();
  made_folders_.clear();
  return {};
}

}  // namespace mayfly::agent
