#include "os/layer_writer.h"

#include <algorithm>

#include <archive_entry.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "os/archive_error.h"
#include "os/zstd_stream.h"

namespace mayfly::os {

namespace {

using Type = LayerEntry::Type;

/// Address space that reads as zeros and takes no memory. The tar library has to be fed the bytes of a hole in order
/// to skip them without looking; from a large piece even an exabyte takes seconds.
class Zeros {
 public:
  Zeros() : at_(::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {}
  ~Zeros() {
    if (at_ != MAP_FAILED) ::munmap(at_, size);
  }
  Zeros(const Zeros&) = delete;

  static constexpr std::size_t size = 1 << 30;
  const void* get() const { return at_ == MAP_FAILED ? nullptr : at_; }

 private:
  void* at_;
};

std::string tar_path(const LayerEntry& entry) {
  if (entry.type == Type::opaque) {
    return entry.path == "." ? std::string(opaque_name) : entry.path + "/" + std::string(opaque_name);
  }
  if (entry.type != Type::whiteout) return entry.path;
  const auto [folder, name] = split(entry.path);
  const std::string marked = std::string(whiteout_prefix) + std::string(name);
  return folder == "." ? marked : std::string(folder) + "/" + marked;
}

void fill(archive_entry* to, const LayerEntry& entry) {
  archive_entry_clear(to);
  archive_entry_set_pathname(to, tar_path(entry).c_str());
  archive_entry_set_size(to, 0);
  const bool named_like_whiteout = split(entry.path).name.starts_with(whiteout_prefix);
  if (entry.type == Type::whiteout || entry.type == Type::opaque) {
    archive_entry_set_filetype(to, AE_IFREG);
    archive_entry_set_mtime(to, 0, 0);
    if (entry.type == Type::whiteout && named_like_whiteout) {
      archive_entry_xattr_add_entry(to, std::string(whiteout_mark).c_str(), "1", 1);
    }
    return;
  }
  if (named_like_whiteout) archive_entry_xattr_add_entry(to, std::string(literal_mark).c_str(), "1", 1);
  for (const auto& [name, value] : entry.xattrs) {
    archive_entry_xattr_add_entry(to, name.c_str(), value.data(), value.size());
  }
  archive_entry_set_mtime(to, entry.mtime.tv_sec, entry.mtime.tv_nsec);
  archive_entry_set_uid(to, entry.uid);
  archive_entry_set_gid(to, entry.gid);
  switch (entry.type) {
    case Type::folder: archive_entry_set_filetype(to, AE_IFDIR); break;
    case Type::link:
      archive_entry_set_filetype(to, AE_IFLNK);
      archive_entry_set_symlink(to, entry.target.c_str());
      break;
    case Type::hardlink:
      archive_entry_set_filetype(to, AE_IFREG);
      archive_entry_set_hardlink(to, entry.target.c_str());
      break;
    default:
      archive_entry_set_filetype(to, AE_IFREG);
      archive_entry_set_size(to, entry.size);
  }
  archive_entry_set_perm(to, entry.type == Type::link ? 0777 : entry.mode);
}

}  // namespace

struct LayerWriter::Impl {
  explicit Impl(Sink& to) : compressed(to), tar(archive_write_new()), entry(archive_entry_new()) {
    CHECK(tar != nullptr && entry != nullptr);
  }

  ZstdSink compressed;
  std::optional<Error> cause;
  Zeros zeros;
  std::unique_ptr<archive, FreeWriter> tar;
  std::unique_ptr<archive_entry, FreeEntry> entry;
  std::string path;
  bool opened = false;

  /// The library hears of no trouble, since it forgets to free what it opened then. Each of our calls looks at `cause`.
  static la_ssize_t write(archive*, void* self, const void* bytes, std::size_t count) {
    auto& impl = *static_cast<Impl*>(self);
    if (!impl.cause) {
      auto written = impl.compressed.write({static_cast<const char*>(bytes), count});
      if (!written) impl.cause = written.error();
    }
    return static_cast<la_ssize_t>(count);
  }

  Status open() {
    opened = true;
    archive_write_set_format_pax(tar.get());
    // Names are bytes. Of the two spellings of extended attributes only this one can hold every name and value.
    if (archive_write_set_options(tar.get(), "hdrcharset=BINARY,xattrheader=LIBARCHIVE") != ARCHIVE_OK) {
      return tl::unexpected(error());
    }
    archive_write_set_bytes_per_block(tar.get(), 0);
    archive_write_set_bytes_in_last_block(tar.get(), 1);
    return judge(archive_write_open(tar.get(), this, nullptr, &Impl::write, nullptr) == ARCHIVE_OK);
  }

  Status judge(bool good) const {
    if (good && !cause) return {};
    return tl::unexpected(error());
  }

  Error error() const {
    return archive_error(tar.get(), cause, "cannot write " + shown(path) + " to the archive", Code::internal);
  }

  Status give(const void* bytes, std::size_t count) {
    const auto taken = archive_write_data(tar.get(), bytes, count);
    return judge(taken == static_cast<la_ssize_t>(count));
  }
};

LayerWriter::LayerWriter(Sink& tar) : impl_(std::make_unique<Impl>(tar)) {}

LayerWriter::~LayerWriter() {
  // Freeing closes, and closing writes an end: a writer that was not finished must not make a whole archive.
  if (!impl_->cause) impl_->cause = Error{Code::internal, "the archive was abandoned", {}, {}};
}

Status LayerWriter::begin(const LayerEntry& entry, const std::vector<Extent>& extents) {
  Impl& impl = *impl_;
  if (!impl.opened) TRY(impl.open());
  impl.path = entry.path;
  fill(impl.entry.get(), entry);
  if (entry.type == Type::file) {
    const bool whole = extents.size() == 1 && extents[0].begin == 0 && extents[0].end == entry.size;
    for (const Extent& extent : extents) {
      if (!whole) archive_entry_sparse_add_entry(impl.entry.get(), extent.begin, extent.end - extent.begin);
    }
    if (extents.empty() && entry.size > 0) archive_entry_sparse_add_entry(impl.entry.get(), entry.size, 0);
  }
  // A warning says that something could not be kept.
  return impl.judge(archive_write_header(impl.tar.get(), impl.entry.get()) == ARCHIVE_OK);
}

Status LayerWriter::data(std::span<const char> bytes) { return impl_->give(bytes.data(), bytes.size()); }

Status LayerWriter::hole(std::int64_t count) {
  if (impl_->zeros.get() == nullptr) return fail(Code::exhausted, "cannot map a gigabyte of zeros");
  while (count > 0) {
    const auto piece = std::min<std::int64_t>(count, Zeros::size);
    TRY(impl_->give(impl_->zeros.get(), static_cast<std::size_t>(piece)));
    count -= piece;
  }
  return {};
}

Status LayerWriter::finish() {
  if (!impl_->opened) TRY(impl_->open());
  impl_->path = "the end";
  TRY(impl_->judge(archive_write_close(impl_->tar.get()) == ARCHIVE_OK));
  return impl_->compressed.finish();
}

}  // namespace mayfly::os
