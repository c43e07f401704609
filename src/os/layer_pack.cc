#include <algorithm>
#include <cerrno>
#include <map>
#include <set>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"
#include "os/folder_stack.h"
#include "os/layer_tar.h"
#include "os/layer_writer.h"
#include "os/manifest_builder.h"
#include "os/manifest_line.h"
#include "os/xattrs.h"

namespace mayfly::os {

namespace {

using Type = LayerEntry::Type;

// A shorter hole is archived as the zeros it reads as; unpacking makes holes of zeros again.
constexpr std::int64_t least_hole = 64 << 10;
// The map of a file's holes is held while it is written; this many is 16 MiB.
constexpr std::size_t most_extents = 1 << 20;

bool same(timespec a, timespec b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

bool unchanged(const struct stat& a, const struct stat& b) {
  // ctime also moves with what a program cannot set back, such as an mtime that was.
  return a.st_ino == b.st_ino && a.st_size == b.st_size && same(a.st_mtim, b.st_mtim) && same(a.st_ctim, b.st_ctim);
}

tl::unexpected<Error> changed(const std::string& path) {
  return fail(Code::busy, "cannot archive " + shown(path) + ": it changed while it was read");
}

/// Adds what is on disk of the file, joining over holes too short to keep.
Result<std::vector<Extent>> find_extents(int fd, const struct stat& info, const std::string& path) {
  const std::vector<Extent> whole{{0, info.st_size}};
  if (info.st_size == 0) return std::vector<Extent>();
  if (info.st_blocks * 512 >= info.st_size) return whole;
  std::vector<Extent> extents;
  std::int64_t end = 0;
  while (end < info.st_size) {
    const std::int64_t data = ::lseek(fd, end, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;
    if (data < 0 && errno == EINVAL) return whole;
    const std::int64_t hole = data < 0 ? -1 : ::lseek(fd, data, SEEK_HOLE);
    if (hole < 0) return tl::unexpected(errno_error(errno, "cannot find the holes of " + shown(path)));
    if (data >= info.st_size) break;
    const bool join = data - end < least_hole;
    end = std::min<std::int64_t>(hole, info.st_size);
    if (!extents.empty() && join) {
      extents.back().end = end;
    } else if (extents.size() < most_extents) {
      extents.push_back({extents.empty() && join ? 0 : data, end});
    } else {
      return fail(Code::too_large, "cannot archive " + shown(path) + ": it has more than a million holes");
    }
  }
  if (!extents.empty() && info.st_size - extents.back().end < least_hole) extents.back().end = info.st_size;
  return extents;
}

LayerEntry entry_of(const struct stat& info, Type type, const std::string& path) {
  LayerEntry entry;
  entry.type = type;
  entry.path = path;
  entry.mode = type == Type::link ? 0 : info.st_mode & 07777;
  entry.uid = info.st_uid;
  entry.gid = info.st_gid;
  entry.mtime = info.st_mtim;
  if (type == Type::file) entry.size = info.st_size;
  return entry;
}

/// Takes overlay's private attributes out of the entry's; true when they say that it is an opaque folder.
Result<bool> take_overlay_marks(LayerEntry& entry) {
  bool opaque = false;
  std::size_t bytes = 0;
  for (auto at = entry.xattrs.begin(); at != entry.xattrs.end();) {
    const auto& [name, value] = *at;
    bytes += name.size() + value.size();
    if (!name.starts_with(overlay_prefix)) {
      ++at;
      continue;
    }
    const std::string_view what = std::string_view(name).substr(overlay_prefix.size());
    // These say that the real content lies elsewhere: without it the archive would be a lie.
    const bool elsewhere = what == "redirect" || what == "metacopy" || what == "whiteout";
    if (elsewhere || (what == "opaque" && value != "y")) {
      return fail(Code::unsupported, "cannot archive " + shown(entry.path) + ": its layer was made with overlay's " +
                                         shown(what) + " feature, which is not portable");
    }
    opaque = opaque || what == "opaque";
    at = entry.xattrs.erase(at);
  }
  if (bytes <= most_xattr_bytes) return opaque;
  return fail(Code::too_large, "cannot archive " + shown(entry.path) + ": it has " + std::to_string(bytes) +
                                   " bytes of extended attributes");
}

class Packing {
 public:
  Packing(int layer, Sink& tar, Sink& manifest) : stack_(layer), manifest_(manifest), writer_(tar) {}

  Result<ManifestSummary> run(const Exclusions& exclude) {
    for (const std::string& name : exclude) TRY(leave_out(name));
    builder_ = TRY(ManifestBuilder::start([this](std::string_view lines) { return manifest_.write(lines); }));
    TRY(open_folder("."));
    while (!levels_.empty()) TRY(step());
    TRY(writer_.finish());
    ManifestSummary summary = TRY(builder_->finish());
    summary.left_out = left_out_;
    summary.left_out_paths = std::move(left_out_paths_);
    return summary;
  }

 private:
  struct Level {
    std::string path;
    struct stat before {};
    std::vector<std::string> names;
    std::size_t next = 0;
  };
  struct FirstName {
    std::string path;
    nlink_t others = 0;   // names not seen yet
  };

  Status leave_out(std::string_view name) {
    const std::string_view given = name;
    while (name.starts_with('/')) name.remove_prefix(1);
    while (name.ends_with('/')) name.remove_suffix(1);
    if (name.empty()) return fail(Code::invalid, "cannot leave \"" + shown(given) + "\" out: that is the whole layer");
    exclude_.emplace(name);
    return {};
  }

  Status step() {
    Level& level = levels_.back();
    if (level.next < level.names.size()) {
      const std::string& name = level.names[level.next++];
      const std::string path = level.path == "." ? name : level.path + "/" + name;
      if (exclude_.contains(path)) return {};
      if (path.size() > longest_path) return fail(Code::too_large, "cannot archive " + shown(path) + ": path too long");
      return visit(name, path);
    }
    struct stat after {};
    if (::fstat(stack_.fd(), &after) != 0 || !unchanged(level.before, after)) return changed(level.path);
    levels_.pop_back();
    return levels_.empty() ? Status() : stack_.leave();
  }

  Status visit(const std::string& name, const std::string& path) {
    struct stat info {};
    if (::fstatat(stack_.fd(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) return changed(path);
      return tl::unexpected(errno_error(errno, "cannot archive " + shown(path)));
    }
    if (S_ISDIR(info.st_mode)) {
      if (auto entered = stack_.enter(name); !entered) {
        return tl::unexpected(in_context("cannot archive " + shown(path), entered.error()));
      }
      return open_folder(path);
    }
    if (S_ISCHR(info.st_mode) && info.st_rdev == 0) return add(entry_of({}, Type::whiteout, path));
    if (!S_ISREG(info.st_mode) && !S_ISLNK(info.st_mode)) {
      if (++left_out_ <= static_cast<std::int64_t>(most_left_out_paths)) left_out_paths_.push_back(manifest_text(path));
      return {};
    }
    if (info.st_nlink > 1) {
      const auto [first, is_new] = names_.try_emplace({info.st_dev, info.st_ino}, FirstName{path, info.st_nlink});
      const std::string target = first->second.path;
      if (--first->second.others == 0) names_.erase(first);
      if (!is_new) return hardlink(path, target);
    }
    return S_ISLNK(info.st_mode) ? link(name, path, info) : file(name, path);
  }

  Status add(const LayerEntry& entry) {
    TRY(writer_.begin(entry, {}));
    return builder_->add(entry);
  }

  Status open_folder(const std::string& path) {
    Level level;
    level.path = path;
    if (::fstat(stack_.fd(), &level.before) != 0) {
      return tl::unexpected(errno_error(errno, "cannot archive " + shown(path)));
    }
    LayerEntry entry = entry_of(level.before, Type::folder, path);
    entry.xattrs = TRY(read_xattrs(stack_.fd()));
    const bool opaque = TRY(take_overlay_marks(entry));
    TRY(add(entry));
    if (opaque) TRY(add(entry_of({}, Type::opaque, path)));
    level.names = TRY(list_folder_at(stack_.fd(), "."));
    levels_.push_back(std::move(level));
    return {};
  }

  Status hardlink(const std::string& path, const std::string& target) {
    LayerEntry entry = entry_of({}, Type::hardlink, path);
    entry.target = target;
    return add(entry);
  }

  Status link(const std::string& name, const std::string& path, const struct stat& info) {
    LayerEntry entry = entry_of(info, Type::link, path);
    // One byte more than a target can have, to see that it was not cut.
    std::string target(static_cast<std::size_t>(PATH_MAX) + 1, '\0');
    const ssize_t size = ::readlinkat(stack_.fd(), name.c_str(), target.data(), target.size());
    if (size < 0) return tl::unexpected(errno_error(errno, "cannot read the link " + shown(path)));
    target.resize(static_cast<std::size_t>(size));
    if (size > PATH_MAX) return fail(Code::too_large, "cannot archive the link " + shown(path) + ": target too long");
    entry.target = std::move(target);
    entry.xattrs = TRY(read_xattrs_at(stack_.fd(), name));
    TRY(take_overlay_marks(entry));
    return add(entry);
  }

  Status file(const std::string& name, const std::string& path) {
    // Were it a FIFO by now, opening must not wait for its other end.
    constexpr int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
    auto fd = open_at(stack_.fd(), name, flags | O_NOATIME);
    if (!fd && fd.error().code == Code::denied) fd = open_at(stack_.fd(), name, flags);
    if (!fd) return tl::unexpected(in_context("cannot archive " + shown(path), fd.error()));
    struct stat before {};
    if (::fstat(fd->get(), &before) != 0) return tl::unexpected(errno_error(errno, "cannot archive " + shown(path)));
    if (!S_ISREG(before.st_mode)) return changed(path);

    LayerEntry entry = entry_of(before, Type::file, path);
    entry.xattrs = TRY(read_xattrs(fd->get()));
    TRY(take_overlay_marks(entry));
    const auto extents = TRY(find_extents(fd->get(), before, path));
    TRY(writer_.begin(entry, extents));
    TRY(builder_->begin_file(entry));
    if (before.st_size >= 1 << 20) ::posix_fadvise(fd->get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    std::int64_t at = 0;
    for (const Extent& extent : extents) {
      TRY(writer_.hole(extent.begin - at));
      TRY(content(fd->get(), extent, path));
      at = extent.end;
    }
    // The tar library writes the map of holes with the first byte it is fed; what is missing after that it fills.
    if (extents.empty() && before.st_size > 0) TRY(writer_.hole(1));
    TRY(builder_->end_file());
    struct stat after {};
    if (::fstat(fd->get(), &after) != 0 || !unchanged(before, after)) return changed(path);
    return {};
  }

  Status content(int fd, const Extent& extent, const std::string& path) {
    for (std::int64_t at = extent.begin; at < extent.end;) {
      const std::span<char> room = TRY(builder_->room());
      const auto most = std::min<std::int64_t>(static_cast<std::int64_t>(room.size()), extent.end - at);
      const ssize_t count = ::pread(fd, room.data(), static_cast<std::size_t>(most), at);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return tl::unexpected(errno_error(errno, "cannot read " + shown(path)));
      if (count == 0) return changed(path);
      TRY(writer_.data(room.first(static_cast<std::size_t>(count))));
      builder_->content(at, static_cast<std::size_t>(count));
      at += count;
    }
    return {};
  }

  FolderStack stack_;
  Sink& manifest_;
  LayerWriter writer_;
  std::unique_ptr<ManifestBuilder> builder_;
  std::set<std::string, std::less<>> exclude_;
  std::vector<Level> levels_;
  // Only files of several names, and each only until its last one was met.
  std::map<std::pair<dev_t, ino_t>, FirstName> names_;
  std::int64_t left_out_ = 0;
  std::vector<std::string> left_out_paths_;
};

}  // namespace

Result<ManifestSummary> pack_layer(int layer, const Exclusions& exclude, Sink& tar, Sink& manifest) {
  return Packing(layer, tar, manifest).run(exclude);
}

}  // namespace mayfly::os
