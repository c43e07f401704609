#include "os/layer_reader.h"

#include <algorithm>
#include <cerrno>
#include <climits>

#include <archive_entry.h>

#include "os/archive_error.h"
#include "os/zstd_stream.h"

namespace mayfly::os {

namespace {

using Type = LayerEntry::Type;

// The end of a tar is two blocks of zeros.
constexpr std::size_t tar_end = 1024;

tl::unexpected<Error> malformed(std::string_view path, const std::string& why) {
  return fail(Code::invalid, "cannot read the archive: entry " + shown(path) + " " + why);
}

/// Checks a path that must name something below the layer. `longest_name` is that of its last part.
Status check_path(std::string_view path, std::size_t longest_name) {
  if (path.size() > longest_path + longest_name) return malformed(path, "has too long a path");
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    const auto part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return malformed(path, "leaves the layer or has no proper path");
    if (part.size() > (end == path.size() ? longest_name : NAME_MAX)) return malformed(path, "has too long a name");
    begin = end + 1;
  }
  return {};
}

/// Takes the marks out of the attributes.
struct Marks {
  bool literal = false;
  bool whiteout = false;
};

Result<Marks> take_xattrs(archive_entry* from, LayerEntry& entry) {
  Marks marks;
  std::size_t bytes = 0;
  archive_entry_xattr_reset(from);
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  while (archive_entry_xattr_next(from, &name, &value, &size) == ARCHIVE_OK) {
    const std::string_view text = name;
    bytes += text.size() + size;
    if (bytes > most_xattr_bytes) return malformed(entry.path, "has too many extended attributes");
    if (text == literal_mark) {
      marks.literal = true;
    } else if (text == whiteout_mark) {
      marks.whiteout = true;
    } else if (text.starts_with(mark_prefix) || text.starts_with(overlay_prefix) || text.empty()) {
      return malformed(entry.path, "has the extended attribute " + shown(text) + ", which none may have");
    } else {
      entry.xattrs.emplace(text, std::string(static_cast<const char*>(value), size));
    }
  }
  return marks;
}

LayerEntry bare(Type type, std::string path) {
  LayerEntry entry;
  entry.type = type;
  entry.path = std::move(path);
  return entry;
}

/// What overlay calls a whiteout or an opaque folder, out of its OCI form.
Status resolve_marks(LayerEntry& entry, const Marks& marks) {
  const auto [folder, name] = split(entry.path);
  if (marks.literal && !name.starts_with(whiteout_prefix)) return malformed(entry.path, "is marked for no reason");
  if (marks.literal || !name.starts_with(whiteout_prefix)) return {};
  if (entry.type != Type::file || entry.size != 0) return malformed(entry.path, "is a whiteout that has content");
  if (name == opaque_name && !marks.whiteout) {
    entry = bare(Type::opaque, std::string(folder));
    return {};
  }
  const std::string_view hidden = name.substr(whiteout_prefix.size());
  if (hidden.starts_with(whiteout_prefix) != marks.whiteout) return malformed(entry.path, "is no whiteout we know");
  const std::string path = folder == "." ? std::string(hidden) : std::string(folder) + "/" + std::string(hidden);
  TRY(check_path(path, NAME_MAX));
  entry = bare(Type::whiteout, path);
  return {};
}

}  // namespace

struct LayerReader::Impl {
  explicit Impl(Source& tar) : plain(tar) {}

  ZstdSource plain;
  std::size_t zeros_at_end = 0;   // of what was given to the library so far
  std::optional<Error> cause;
  std::unique_ptr<archive, FreeReader> tar;
  archive_entry* current = nullptr;
  std::string path;
  std::int64_t size = 0;
  std::int64_t position = 0;

  /// The next plain bytes, with an eye on how they end.
  Result<std::span<const char>> feed() {
    auto bytes = TRY(plain.next());
    const auto last = std::find_if(bytes.rbegin(), bytes.rend(), [](char c) { return c != 0; });
    const auto zeros = static_cast<std::size_t>(last - bytes.rbegin());
    zeros_at_end = zeros == bytes.size() ? std::min(zeros_at_end + zeros, tar_end) : zeros;
    return bytes;
  }

  static la_ssize_t read(archive* a, void* self, const void** buffer) {
    auto& impl = *static_cast<Impl*>(self);
    auto bytes = impl.feed();
    if (!bytes) {
      impl.cause = bytes.error();
      archive_set_error(a, EIO, "cannot read");
      return -1;
    }
    *buffer = bytes->data();
    return static_cast<la_ssize_t>(bytes->size());
  }

  Status open() {
    tar.reset(archive_read_new());
    CHECK(tar != nullptr);
    archive_read_support_format_tar(tar.get());
    // Names are bytes: never translated to or from the process's locale.
    archive_read_set_options(tar.get(), "hdrcharset=BINARY");
    if (archive_read_open(tar.get(), this, nullptr, &Impl::read, nullptr) != ARCHIVE_OK) return tl::unexpected(error());
    return {};
  }

  Error error() const { return archive_error(tar.get(), cause, "cannot read the archive", Code::invalid); }

  Status expect_end() {
    for (;;) {
      const auto bytes = feed();
      if (!bytes) return tl::unexpected(bytes.error());
      if (bytes->empty()) break;
      if (std::any_of(bytes->begin(), bytes->end(), [](char c) { return c != 0; })) {
        return fail(Code::invalid, "cannot read the archive: more bytes follow its end");
      }
    }
    if (zeros_at_end >= tar_end) return {};
    return fail(Code::invalid, "cannot read the archive: it is torn, its end is missing");
  }

  Result<LayerEntry> translate() {
    LayerEntry entry;
    const char* name = archive_entry_pathname(current);
    if (name == nullptr) return malformed("(unnamed)", "has no readable name");
    entry.path = name;
    while (entry.path.size() > 1 && entry.path.back() == '/') entry.path.pop_back();
    if (entry.path != ".") TRY(check_path(entry.path, NAME_MAX + whiteout_prefix.size()));
    const Marks marks = TRY(take_xattrs(current, entry));

    if (const char* target = archive_entry_hardlink(current); target != nullptr) {
      entry.type = Type::hardlink;
      entry.target = target;
      TRY(check_path(entry.target, NAME_MAX));
      entry.xattrs.clear();
    } else {
      TRY(translate_metadata(entry));
    }
    TRY(resolve_marks(entry, marks));
    // Only the tar's spelling of a whiteout may be longer than a name on disk.
    if (entry.path != ".") TRY(check_path(entry.path, NAME_MAX));
    return entry;
  }

  Status translate_metadata(LayerEntry& entry) {
    entry.mode = archive_entry_perm(current) & 07777;
    entry.uid = static_cast<uid_t>(archive_entry_uid(current));
    entry.gid = static_cast<gid_t>(archive_entry_gid(current));
    if (archive_entry_uid(current) != static_cast<la_int64_t>(entry.uid) ||
        archive_entry_gid(current) != static_cast<la_int64_t>(entry.gid)) {
      return malformed(entry.path, "has an owner that cannot be");
    }
    entry.mtime = {archive_entry_mtime(current), archive_entry_mtime_nsec(current)};
    if (entry.mtime.tv_nsec < 0 || entry.mtime.tv_nsec > 999'999'999) {
      return malformed(entry.path, "has no proper time");
    }
    switch (archive_entry_filetype(current)) {
      case AE_IFDIR: entry.type = Type::folder; return {};
      case AE_IFREG:
        entry.type = Type::file;
        entry.size = archive_entry_size(current);
        if (entry.size < 0) return malformed(entry.path, "has a size below zero");
        return {};
      case AE_IFLNK: {
        entry.type = Type::link;
        entry.mode = 0;
        const char* target = archive_entry_symlink(current);
        if (target == nullptr || *target == '\0') return malformed(entry.path, "is a link to nowhere");
        entry.target = target;
        return {};
      }
      default: return malformed(entry.path, "is of a kind that no archive of ours has");
    }
  }
};

LayerReader::LayerReader(Source& tar) : impl_(std::make_unique<Impl>(tar)) {}

LayerReader::~LayerReader() = default;

Result<std::optional<LayerEntry>> LayerReader::next() {
  Impl& impl = *impl_;
  if (!impl.tar) TRY(impl.open());
  const int result = archive_read_next_header(impl.tar.get(), &impl.current);
  if (result == ARCHIVE_EOF) {
    TRY(impl.expect_end());
    return std::optional<LayerEntry>();
  }
  // A warning means that something could not be understood: in an archive of ours, damage.
  if (result != ARCHIVE_OK) return tl::unexpected(impl.error());
  LayerEntry entry = TRY(impl.translate());
  impl.path = entry.path;
  impl.size = entry.type == Type::file ? entry.size : 0;
  impl.position = 0;
  return std::optional(std::move(entry));
}

Result<std::optional<ContentPiece>> LayerReader::content() {
  Impl& impl = *impl_;
  for (;;) {
    const void* bytes = nullptr;
    std::size_t count = 0;
    la_int64_t offset = 0;
    const int result = archive_read_data_block(impl.tar.get(), &bytes, &count, &offset);
    if (result == ARCHIVE_EOF) return std::optional<ContentPiece>();
    if (result != ARCHIVE_OK) {
      return tl::unexpected(in_context("content of " + shown(impl.path), impl.error()));
    }
    if (count == 0) continue;
    if (offset < impl.position || offset > impl.size || static_cast<std::int64_t>(count) > impl.size - offset) {
      return malformed(impl.path, "has content outside of its size");
    }
    impl.position = offset + static_cast<std::int64_t>(count);
    return std::optional(ContentPiece{offset, {static_cast<const char*>(bytes), count}});
  }
}

bool LayerReader::sparse() const { return archive_entry_sparse_count(impl_->current) > 0; }

}  // namespace mayfly::os
