#include <algorithm>
#include <cerrno>
#include <climits>
#include <memory>
#include <unordered_set>
#include <vector>

#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/archive_error.h"
#include "os/file.h"
#include "os/file_metadata.h"
#include "os/layer_tar.h"

namespace mayfly::os {

namespace {

using Type = LayerEntry::Type;

/// The entry's path without the "./" and "/" that tar programs put around it; "." is the root itself.
Result<std::string> clean_path(const char* name) {
  if (name == nullptr) return fail(Code::invalid, "an entry has no readable name");
  const std::string_view given = name;
  if (given.starts_with('/')) return fail(Code::invalid, "entry " + shown(given) + " has an absolute name");
  if (given.size() > longest_path) return fail(Code::invalid, "entry " + shown(given) + " has too long a path");
  std::string path;
  for (std::size_t begin = 0; begin < given.size();) {
    const auto end = std::min(given.find('/', begin), given.size());
    const auto part = given.substr(begin, end - begin);
    begin = end + 1;
    if (part.empty() || part == ".") continue;
    if (part == "..") return fail(Code::invalid, "entry " + shown(given) + " leaves the root");
    if (part.size() > NAME_MAX) return fail(Code::invalid, "entry " + shown(given) + " has too long a name");
    if (!path.empty()) path += '/';
    path += part;
  }
  return path.empty() ? "." : path;
}

/// Attributes that mean the same on every host. Labels and overlay's own belong to the host that made the image.
bool portable(std::string_view xattr) {
  return xattr == "security.capability" || xattr.starts_with("user.") || xattr.starts_with("system.posix_acl_");
}

class ImageLayer {
 public:
  ImageLayer(Source& from, int root) : from_(from), root_(root), in_(256 << 10), tar_(archive_read_new()) {}

  Status run() {
    TRY(open());
    archive_entry* at = nullptr;
    for (;;) {
      const int result = archive_read_next_header(tar_.get(), &at);
      if (result == ARCHIVE_EOF) break;
      if (result != ARCHIVE_OK && result != ARCHIVE_WARN) return tl::unexpected(error());
      const std::string path = TRY(clean_path(archive_entry_pathname(at)));
      if (auto applied = apply(at, path); !applied) {
        return tl::unexpected(in_context("cannot apply entry " + shown(path), applied.error()));
      }
    }
    return set_folder_times();
  }

 private:
  Status open() {
    CHECK(tar_ != nullptr);
    archive_read_support_format_tar(tar_.get());
    // Those that the library has in itself: others would start programs of the host.
    for (auto* support : {archive_read_support_filter_none, archive_read_support_filter_gzip,
                          archive_read_support_filter_bzip2, archive_read_support_filter_xz,
                          archive_read_support_filter_lzma, archive_read_support_filter_zstd,
                          archive_read_support_filter_lz4, archive_read_support_filter_compress}) {
      support(tar_.get());
    }
    archive_read_set_options(tar_.get(), "hdrcharset=BINARY");
    if (archive_read_open(tar_.get(), this, nullptr, &ImageLayer::read, nullptr) != ARCHIVE_OK) {
      return tl::unexpected(error());
    }
    return {};
  }

  static la_ssize_t read(archive* a, void* self, const void** buffer) {
    auto& layer = *static_cast<ImageLayer*>(self);
    auto count = layer.from_.read(layer.in_);
    if (!count) {
      layer.cause_ = count.error();
      archive_set_error(a, EIO, "cannot read");
      return -1;
    }
    *buffer = layer.in_.data();
    return static_cast<la_ssize_t>(*count);
  }

  Error error() const { return archive_error(tar_.get(), cause_, "cannot read the image layer", Code::invalid); }

  Status apply(archive_entry* at, const std::string& path) {
    const auto [folder, leaf] = split(path);
    const std::string name(leaf);
    if (path == ".") {
      if (archive_entry_filetype(at) != AE_IFDIR) return fail(Code::invalid, "the root is not a folder in this layer");
      return folder_entry(at, path, root_, ".");
    }
    // What no tar of files can be on this host does not even need its parents.
    const auto type = archive_entry_hardlink(at) != nullptr ? AE_IFREG : archive_entry_filetype(at);
    if (type != AE_IFDIR && type != AE_IFREG && type != AE_IFLNK) return {};
    const Fd parent = TRY(make_parents(std::string(folder)));
    if (name.starts_with(whiteout_prefix)) return whiteout(parent.get(), std::string(folder), name);
    if (type == AE_IFDIR) return folder_entry(at, path, parent.get(), name);

    // A layer's own earlier entry is replaced too: the last one of a name counts.
    if (const char* target = archive_entry_hardlink(at); target != nullptr) {
      return hardlink(TRY(clean_path(target)), parent.get(), path, name);
    }
    TRY(remove_tree_at(parent.get(), name));
    made_.insert(path);
    const LayerEntry entry = metadata(at, path);
    if (type == AE_IFLNK) return link(at, entry, parent.get(), name);
    const Fd fd = TRY(open_at(parent.get(), name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    TRY(content(at, fd.get()));
    return set_metadata(fd.get(), entry);
  }

  /// The open folder, made where a layer names something in it without naming it.
  Result<Fd> make_parents(const std::string& folder) {
    auto there = open_beneath(root_, folder, O_PATH | O_DIRECTORY);
    if (there || there.error().code != Code::not_found) return there;
    Fd at = TRY(open_beneath(root_, ".", O_PATH | O_DIRECTORY));
    for (std::size_t begin = 0; begin < folder.size();) {
      const auto end = std::min(folder.find('/', begin), folder.size());
      const std::string part = folder.substr(begin, end - begin);
      if (::mkdirat(at.get(), part.c_str(), 0755) == 0) {
        made_.insert(folder.substr(0, end));
      } else if (errno != EEXIST) {
        return tl::unexpected(errno_error(errno, "cannot make the folder " + shown(folder)));
      }
      at = TRY(open_beneath(at.get(), part, O_PATH | O_DIRECTORY));
      begin = end + 1;
    }
    return at;
  }

  Status whiteout(int parent, const std::string& folder, const std::string& name) {
    if (name == opaque_name) return clear_lower(parent, folder);
    // Other names of this kind are notes of the image's builder.
    if (name.starts_with(".wh..wh.")) return {};
    const std::string hidden = name.substr(whiteout_prefix.size());
    if (hidden.empty() || hidden == "." || hidden == "..") return fail(Code::invalid, "it is a whiteout of no name");
    if (made_.contains(folder == "." ? hidden : folder + "/" + hidden)) return {};
    return remove_tree_at(parent, hidden);
  }

  /// Removes what lower layers left in the folder. Entries of this layer stay, wherever in the tar the mark stands.
  Status clear_lower(int parent, const std::string& folder) {
    for (const std::string& name : TRY(list_folder_at(parent, "."))) {
      const std::string path = folder == "." ? name : folder + "/" + name;
      if (!made_.contains(path)) {
        TRY(remove_tree_at(parent, name));
        continue;
      }
      auto below = open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      if (below) TRY(clear_lower(below->get(), path));
    }
    return {};
  }

  Status folder_entry(archive_entry* at, const std::string& path, int parent, const std::string& name) {
    if (path != "." && ::mkdirat(parent, name.c_str(), 0700) != 0) {
      if (errno != EEXIST) return tl::unexpected(errno_error(errno, "cannot make a folder"));
      struct stat info {};
      if (::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(info.st_mode)) {
        TRY(remove_tree_at(parent, name));
        if (::mkdirat(parent, name.c_str(), 0700) != 0) {
          return tl::unexpected(errno_error(errno, "cannot make a folder"));
        }
      }
    }
    made_.insert(path);
    const LayerEntry entry = metadata(at, path);
    const Fd fd = TRY(open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    TRY(set_metadata(fd.get(), entry));
    folder_times_.emplace_back(path, entry.mtime);
    return {};
  }

  Status hardlink(const std::string& target, int parent, const std::string& path, const std::string& name) {
    if (target == path) return fail(Code::invalid, "it is another name of itself");
    const auto [folder, leaf] = split(target);
    const Fd from = TRY(open_beneath(root_, std::string(folder), O_PATH | O_DIRECTORY));
    struct stat info {};
    if (::fstatat(from.get(), std::string(leaf).c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      return fail(Code::invalid, "it is another name of " + shown(target) + ", which does not exist");
    }
    TRY(remove_tree_at(parent, name));
    made_.insert(path);
    return make_hardlink(from.get(), std::string(leaf), parent, name);
  }

  Status link(archive_entry* at, LayerEntry entry, int parent, const std::string& name) {
    const char* target = archive_entry_symlink(at);
    if (target == nullptr || *target == '\0') return fail(Code::invalid, "it is a link to nowhere");
    entry.target = target;
    return make_link(parent, name, entry);
  }

  Status content(archive_entry* at, int fd) {
    FileContent content(fd, archive_entry_sparse_count(at) > 0);
    const std::int64_t size = archive_entry_size(at);
    std::int64_t position = 0;
    for (;;) {
      const void* bytes = nullptr;
      std::size_t count = 0;
      la_int64_t offset = 0;
      const int result = archive_read_data_block(tar_.get(), &bytes, &count, &offset);
      if (result == ARCHIVE_EOF) return content.finish(size);
      if (result != ARCHIVE_OK) return tl::unexpected(error());
      if (offset < position || offset > size || static_cast<std::int64_t>(count) > size - offset) {
        return fail(Code::invalid, "it has content outside of its size");
      }
      position = offset + static_cast<std::int64_t>(count);
      TRY(content.write(offset, {static_cast<const char*>(bytes), count}));
    }
  }

  LayerEntry metadata(archive_entry* at, const std::string& path) const {
    LayerEntry entry;
    entry.path = path;
    entry.mode = archive_entry_perm(at) & 07777;
    entry.uid = static_cast<uid_t>(archive_entry_uid(at));
    entry.gid = static_cast<gid_t>(archive_entry_gid(at));
    entry.mtime = {archive_entry_mtime(at), std::clamp<long>(archive_entry_mtime_nsec(at), 0, 999'999'999)};
    archive_entry_xattr_reset(at);
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    while (archive_entry_xattr_next(at, &name, &value, &size) == ARCHIVE_OK) {
      if (portable(name)) entry.xattrs.emplace(name, std::string(static_cast<const char*>(value), size));
    }
    return entry;
  }

  /// Last of all, since entries may come in any order. A folder that was replaced later has no time to set.
  Status set_folder_times() {
    for (const auto& [path, mtime] : folder_times_) {
      auto fd = open_beneath(root_, path, O_RDONLY | O_DIRECTORY);
      const timespec times[2] = {{0, UTIME_OMIT}, mtime};
      if (fd && ::futimens(fd->get(), times) != 0) {
        return tl::unexpected(errno_error(errno, "cannot set the time of " + shown(path)));
      }
    }
    return {};
  }

  Source& from_;
  int root_;
  std::vector<char> in_;
  std::optional<Error> cause_;
  std::unique_ptr<archive, FreeReader> tar_;
  // Names only: what a whiteout of this layer must spare, and folders whose time is set at the end.
  std::unordered_set<std::string> made_;
  std::vector<std::pair<std::string, timespec>> folder_times_;
};

}  // namespace

Status apply_image_layer(Source& tar, int root) { return ImageLayer(tar, root).run(); }

}  // namespace mayfly::os
