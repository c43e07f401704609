#include "agent/content.h"

#include <cerrno>
#include <limits>

#include <fcntl.h>
#include <sys/stat.h>

#include "agent/attributes.h"
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

/// Gives a draft what the file that it will replace has. Before its content: a write takes away capabilities. The mode
/// comes last, because a change of the owner takes away setuid, and because it has the last word over an access list.
Status dress(const Draft& draft, const std::string& path, const struct stat* replaced,
             std::optional<std::uint32_t> mode) {
  if (replaced) TRY(copy_owner(*replaced, draft.file(), path));
  if (replaced) TRY(copy_xattrs(path, draft.file()));
  const auto wanted = mode ? *mode : replaced ? replaced->st_mode & 07777 : default_mode;
  if (::fchmod(draft.file(), wanted) != 0) return system_error("set the mode of", path);
  return {};
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
  struct stat info{};
  const bool replaces = ::lstat(writer.path_.c_str(), &info) == 0;
  if (replaces && S_ISDIR(info.st_mode)) return fail(Code::conflict, "cannot write " + path + ": it is a folder");
  if (replaces) TRY(only_regular("write", path, info.st_mode));
  const auto folder = folder_of(writer.path_);
  TRY(make_folders(folder, &writer.made_folders_));
  writer.draft_.emplace(TRY(Draft::open(folder, writer.path_)));
  TRY(dress(*writer.draft_, writer.path_, replaces ? &info : nullptr, mode));
  writer.mode_ = mode;
  return writer;
}

FileWriter::~FileWriter() {
  // First the draft, if it has a name. Somebody else may use the folders by now: then they are not empty and stay.
  draft_.reset();
  for (auto made = made_folders_.rbegin(); made != made_folders_.rend(); ++made) ::rmdir(made->c_str());
}

Status FileWriter::write(std::string_view bytes) { return draft_->write(bytes.data(), bytes.size()); }

Status FileWriter::commit() {
  // What the content took away of the mode is given back only where the caller asked for it by name.
  if (mode_ && (*mode_ & 06000) != 0 && ::fchmod(draft_->file(), *mode_) != 0)
    return system_error("set the mode of", path_);
  TRY(draft_->commit(leaf_of(path_)));
  made_folders_.clear();
  return {};
}

}  // namespace mayfly::agent
